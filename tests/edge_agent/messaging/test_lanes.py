"""What is read next: live before the backlog, results before telemetry, nothing twice or never."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.messaging.mqtt.lanes import STEP, Lane, Query, Span, lane_of
from edge_agent.messaging.outbox_reader import Page
from edge_agent.messaging.outbox_tables import TELEMETRY_STREAMS as TELEMETRY
from edge_agent.messaging.row import Row

NAMES = ("verdict", "alarm", "condition", "part")


def row(number: int, stream: str = "verdict") -> Row:
    return Row(number, "1", number - 1, stream, b"{}")


def read(lane: Lane, query: Query, disk: list[Row], limit: int = 5) -> None:
    """What a reader gives, over rows that lie in a list."""
    until = query.until if query.until is not None else max((r.id for r in disk), default=0)
    wanted = [
        r
        for r in disk
        if query.begin < r.id <= until
        and (query.only is None or r.stream in query.only)
        and r.stream not in query.without
    ][:limit]
    full = len(wanted) == limit
    last = wanted[-1].id if wanted else query.begin
    lane.took(query, Page(wanted, last if full else max(last, until), full))


def test_rows_of_an_earlier_connection_wait_behind_new_ones() -> None:
    lane, disk = Lane(None), [row(k) for k in range(1, 4)]
    lane.connected(3)
    disk.append(row(4))
    live, old = lane.live_query(), lane.backlog_query()
    assert live is not None
    assert old is not None
    read(lane, live, disk)
    read(lane, old, disk)
    assert [r.id for r in lane.ahead] == [4]
    assert [r.id for r in lane.ahead_backlog] == [1, 2, 3]


def test_what_was_live_and_not_sent_is_backlog_on_the_next_connection() -> None:
    lane = Lane(None)
    lane.ahead.append(row(7))
    lane.live = 7
    lane.connected(9)
    assert (list(lane.ahead), list(lane.ahead_backlog)) == ([], [row(7)])
    assert list(lane.backlog) == [Span(7, 9)]


def test_one_read_looks_through_a_piece_of_the_backlog_only() -> None:
    lane = Lane(TELEMETRY)
    lane.connected(3 * STEP)
    query = lane.backlog_query()
    assert query is not None
    assert (query.begin, query.until, query.only) == (0, STEP, TELEMETRY)


def test_a_lane_whose_streams_are_all_paused_asks_for_nothing() -> None:
    lane = Lane(TELEMETRY)
    lane.connected(5)
    for name in TELEMETRY:
        lane.pause(name)
    assert lane.live_query() is lane.backlog_query() is None


def test_a_stream_of_a_newer_agent_is_a_result() -> None:
    lanes = (Lane(None), Lane(TELEMETRY))
    assert lane_of("tool-change", lanes) is lanes[0]
    assert lane_of("condition", lanes) is lanes[1]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["pause", "resume"]), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["live", "backlog", "send", "connect"]), st.just("")),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_each_row_is_read_once_whatever_is_paused_and_when(steps: list[tuple[str, str]]) -> None:
    lanes = (Lane(None), Lane(TELEMETRY))
    disk: list[Row] = []
    sent: list[int] = []
    paused: set[str] = set()

    def send() -> None:
        for lane in lanes:
            for waiting in (lane.ahead, lane.ahead_backlog):
                sent.extend(r.id for r in waiting)
                waiting.clear()

    def look(live: bool) -> None:
        for lane in lanes:
            query = lane.live_query() if live else lane.backlog_query()
            if query is not None:
                read(lane, query, disk)

    for what, name in steps:
        if what == "add":
            disk.append(row(len(disk) + 1, name))
        elif what == "pause" and name not in paused:
            paused.add(name)
            lane_of(name, lanes).pause(name)
        elif what == "resume" and name in paused:
            paused.remove(name)
            lane_of(name, lanes).resume(name)
        elif what == "connect":
            for lane in lanes:
                lane.connected(len(disk))
        elif what == "send":
            send()
        elif what in ("live", "backlog"):
            look(what == "live")
    for name in paused:
        lane_of(name, lanes).resume(name)
    for _ in range(len(disk) + 20):
        look(live=True)
        look(live=False)
        send()
    assert sorted(sent) == [r.id for r in disk]
