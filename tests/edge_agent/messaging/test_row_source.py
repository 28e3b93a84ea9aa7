"""What the sender is given to send: from the outbox's own file, lane by lane."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.delivery import Delivery
from edge_agent.messaging.mqtt.row_source import RowSource
from edge_agent.messaging.mqtt.sender import Sender
from edge_agent.messaging.outbox import Outbox
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from tests.edge_agent.messaging.outbox_kit import holds, open_outbox, put
from tests.edge_agent.messaging.test_live_first import part


def source_of(outbox: Outbox) -> tuple[RowSource, Delivery]:
    delivery = Delivery(window=10, by_receiver=False, keep_unheard=True, ack_timeout_s=30)
    return RowSource(outbox, delivery), delivery


def test_new_rows_are_read_when_somebody_says_so_and_not_before(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    source, delivery = source_of(outbox)
    put(outbox, 3)
    outbox.put(part(1))
    assert holds(outbox, 4)
    source.read_live()
    results, telemetry = delivery.lanes
    assert [len(results.ahead), len(telemetry.ahead)] == [3, 1]
    results.ahead.clear()
    telemetry.ahead.clear()
    put(outbox, 2)
    assert holds(outbox, 6)
    source.read_live()
    source.wake()
    source.read_live()
    assert len(results.ahead) == 2
    source.close()
    outbox.stop()


def test_telemetry_of_a_paused_topic_is_not_held_any_more(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    source, delivery = source_of(outbox)
    for number in range(3):
        outbox.put(part(number))
    assert holds(outbox, 3)
    source.read_live()
    telemetry = delivery.lanes[1]
    held = {row.id for row in telemetry.ahead}
    assert outbox._queue.busy() == held
    first = telemetry.ahead.popleft()
    telemetry.pause("part")
    source.read_live()
    assert outbox._queue.busy() == {first.id}, "only what was sent"
    source.close()
    outbox.stop()


def test_the_backlog_is_read_when_the_last_piece_was_sent(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    source, delivery = source_of(outbox)
    put(outbox, 5)
    assert holds(outbox, 5)
    delivery.connected(100, 0, source.newest())
    lane = delivery.lanes[0]
    source.read_backlog(lane)
    assert len(lane.ahead_backlog) == 5
    assert source.more
    source.read_backlog(lane)
    assert len(lane.ahead_backlog) == 5
    source.close()
    outbox.stop()


def test_rows_of_a_damaged_file_are_asked_for_again(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "s")
    source, delivery = source_of(outbox)
    put(outbox, 1)
    assert holds(outbox, 1)

    def damaged(*_: object) -> list[object]:
        raise StoreDamagedError("row 1 is not what was written", where="outbox.db")

    source._reader.rows = damaged  # type: ignore[method-assign, assignment]
    assert source.rows([1]) == []
    assert list(delivery.again) == [1]
    source.close()
    outbox.stop()


def test_damage_that_the_newest_row_shows_is_told_to_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = open_outbox(tmp_path / "s")
    source, _ = source_of(outbox)
    told: list[StoreDamagedError] = []
    fault = StoreDamagedError("the index is not what was written", where="outbox.db")

    def damaged() -> int:
        raise fault

    monkeypatch.setattr(source._reader, "newest", damaged)
    monkeypatch.setattr(outbox, "report_damage", told.append)
    with pytest.raises(StoreDamagedError):
        source.newest()
    assert told == [fault]
    source.close()
    outbox.stop()


def test_an_outbox_whose_sender_has_not_started_is_not_held_up(tmp_path: Path) -> None:
    """Each commit wakes the sender, by a pipe that nobody empties yet."""
    outbox = open_outbox(tmp_path / "s")
    config = MqttTable.model_validate({"host": "127.0.0.1", "port": 1})
    sender = Sender(config, station="test", client_id="x", outbox=outbox, clock=SystemClock())
    for _ in range(2000):
        sender.wake()
    sender.stop(0)
    outbox.stop()
