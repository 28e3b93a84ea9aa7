"""What a station tells besides its verdicts: alarms, machine condition, process values, metrics.

A listener and an observer of the station: it works in threads of its own, so no verdict waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.types import ProcessRow, Reading
from edge_agent.contracts.wire.kinds.condition import ConditionMessage
from edge_agent.contracts.wire.kinds.evidence import EvidenceMessage
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.part import MOST_VALUES, PartMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.contracts.wire.observation import Observation
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.evidence.record import EvidenceRecord
from edge_agent.messaging.every import Every
from edge_agent.station.alarms import AlarmWatch
from edge_agent.station.condition import MachineCondition
from edge_agent.station.config import StationConfig, VibrationChannel
from edge_agent.station.metrics_report import MetricsReport

LOG = logging.getLogger("lineside.telemetry")

MEASURE_S = 1.0
"""A machine is measured so often: its trend counts, and a worse zone is told at once."""
VALUES_BYTES = 4500
"""Of a part's values as text: with the rest of the message they fit its budget."""


class Telemetry:
    """open() says by whom messages are published; what comes before is left out.

    publish() and observe() are each called by one thread.
    """

    def __init__(self, config: StationConfig, clock: Clock) -> None:
        name = config.station.id
        vibration = [c for c in config.channel if isinstance(c, VibrationChannel)]
        self._station = name
        self._clock = clock
        self._table = config.telemetry
        self._alarms = AlarmWatch(name, [channel.name for channel in vibration])
        self._machines = {one.name: MachineCondition(name, one) for one in vibration}
        self._metrics = MetricsReport(name, config.station.state_dir, clock)
        self._timers: dict[tuple[str, str], Every] = {}
        self._zones: dict[str, str] = {}
        self._publish: Callable[[Outbound], None] | None = None
        self._confirmed: Callable[[], int] = lambda: 0

    def open(self, publish: Callable[[Outbound], None], confirmed: Callable[[], int]) -> None:
        """Begin. confirmed: messages that broker or receiver confirmed."""
        self._publish, self._confirmed = publish, confirmed

    def publish(self, message: Outbound) -> None:
        """Look at a message of the station."""
        for alarm in self._alarms.look(message):
            self._send(alarm)
        if isinstance(message, HealthMessage) and self._is_due(
            "", self._clock.mono_ns(), self._table.metrics_every_s
        ):
            waiting = message.outbox_waiting
            self._send(self._metrics.take(waiting=waiting, confirmed=self._confirmed()))
        if isinstance(message, StateMessage) and message.state == "stopping":
            self._publish = None  # the outbox is about to close

    def observe(self, observation: Observation) -> None:
        """Measure a machine, or show a part's values, where it is time again."""
        for message in self._messages(observation):
            self._send(message)

    def keep(self, record: EvidenceRecord) -> None:
        """A frame or window was kept."""
        self._send(
            EvidenceMessage(
                station=self._station,
                at_ns=self._clock.utc_ns(),
                channel=record.verdict.channel[:64],
                part_id=wire_text(record.part_id, 80),
                captured_at_ns=record.captured_at_ns,
                sha256=record.sha256,
                content=record.kind,
                cause=record.cause,
                verdict=record.verdict.verdict,
                file=record.file[:200],
            )
        )

    def _messages(self, observation: Observation) -> Iterator[ConditionMessage | PartMessage]:
        item, channel = observation.item, observation.verdict.channel
        machine = self._machines.get(channel)
        if isinstance(item, Reading) and machine is not None:
            found = self._condition(machine, channel, item)
            if found is not None:
                yield found
        elif isinstance(item, ProcessRow) and self._is_due(
            channel, item.mono_ns, self._table.part_every_s
        ):
            yield self._part(observation.part_id, channel, item)

    def _condition(
        self, machine: MachineCondition, channel: str, item: Reading
    ) -> ConditionMessage | None:
        """The condition where it is time again, or where its zone is worse than the last told."""
        every_s = self._table.condition_every_s
        if not self._is_due(channel, item.mono_ns, min(every_s, MEASURE_S), "measured"):
            return None
        found = machine.look(item, self._clock.utc_ns())
        if found is None:
            return None
        is_worse = (found.zone or "") > self._zones.get(channel, found.zone or "")
        if not self._is_due(channel, item.mono_ns, every_s) and not is_worse:
            return None
        self._zones[channel] = found.zone or ""
        return found

    def _is_due(self, channel: str, mono_ns: int, every_s: float, what: str = "told") -> bool:
        """Whether it is time again; never where `every_s` is 0."""
        if not every_s:
            return False
        # A little early, so that one reading a second is not every second one.
        timer = self._timers.setdefault((channel, what), Every(0.95 * every_s))
        return timer.due(mono_ns)

    def _part(self, part_id: str, channel: str, row: ProcessRow) -> PartMessage:
        values: dict[str, float | str | None] = {}
        size = 0
        for tag, value in row.tags.items():
            shown = wire_text(value, 80) if isinstance(value, str) else value
            size += len(f"{tag}{shown}".encode()) + 8
            if len(values) == MOST_VALUES or size > VALUES_BYTES:
                break
            values[wire_text(tag, 80)] = shown
        return PartMessage(
            station=self._station,
            at_ns=self._clock.utc_ns(),
            channel=channel[:64],
            part_id=wire_text(part_id, 80),
            captured_at_ns=row.captured_at_ns,
            values=values,
            left_out=len(row.tags) - len(values) or None,
        )

    def _send(self, message: Outbound) -> None:
        publish = self._publish
        if publish is None:
            return
        try:
            publish(message)
        except StorageError as error:
            LOG.debug("%s message is left out: %s", message.kind, error)
