"""While a backlog drains, what is new goes first and says of neither that it is the other."""

from __future__ import annotations

import json
from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.kinds.alarm import AlarmMessage
from edge_agent.contracts.wire.kinds.part import PartMessage
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.station_kit import mosquitto, wait_until

OLD = 4000


def part(number: int) -> PartMessage:
    return PartMessage(
        station="test", at_ns=1, channel="c", part_id=str(number), captured_at_ns=1, values={"t": 1}
    )


def test_an_alarm_overtakes_the_backlog_which_says_that_it_is_late(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        broker.stop()
        with Line(tmp_path / "s", broker.port) as line:
            for k in range(300):
                line.outbox.put(part(k))
            line.put(OLD)
            # What is not on disk yet when the connection begins is no backlog.
            assert wait_until(lambda: line.outbox._queue.empty)
        broker.start()
        with (
            Client(broker.port, "lineside/#") as plant,
            Line(tmp_path / "s", broker.port, window=20) as line,
        ):
            assert wait_until(lambda: len(plant.payloads) > 20)
            now = SystemClock().utc_ns()
            alarm = AlarmMessage(
                station="test", at_ns=now, source="spindle", name="machine", active=True,
                severity="critical", since_ns=now,
            )  # fmt: skip
            line.outbox.put(alarm)
            assert wait_until(lambda: line.outbox.waiting == 0, 30)
            assert wait_until(lambda: len(plant.payloads) >= OLD + 301)
            found = plant.documents()
    kinds = [document["kind"] for document in found]
    # How far the backlog came before the alarm was made is the computer's affair.
    assert kinds.index("alarm") < OLD
    assert kinds.index("part") > kinds.index("verdict") + OLD - 10
    assert [d["kind"] for d in found if "historical" not in d] == ["alarm"]
    assert len({json.dumps(d["event_id"]) for d in found}) == OLD + 301
