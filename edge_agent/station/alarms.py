"""Which alarms begin and end with a message of the station: no I/O, no time of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.alarm import AlarmMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.contracts.wire.streams import Outbound

STATION = "station"


class AlarmWatch:
    """Remembers which alarms are active. machines: channels that watch a machine, not parts."""

    def __init__(self, station: str, machines: Collection[str]) -> None:
        self._station = station
        self._machines = frozenset(machines)
        self._since: dict[str, int] = {}
        self._was_armed = False

    def look(self, message: Outbound) -> list[AlarmMessage]:
        """The alarms that begin or end with this message."""
        if isinstance(message, StateMessage):
            return self._state(message)
        if isinstance(message, VerdictMessage) and not message.late_fail:
            return self._machines_of(message)
        return []

    def _state(self, message: StateMessage) -> list[AlarmMessage]:
        """A station that was armed and is not any more; what comes before is its start."""
        if message.state == "armed":
            self._was_armed = True
            return self._change(STATION, "disarmed", False, message.at_ns, "")
        if message.state == "disarmed" and self._was_armed:
            return self._change(STATION, "disarmed", True, message.at_ns, message.reason)
        return []

    def _machines_of(self, message: VerdictMessage) -> list[AlarmMessage]:
        """A machine's FAIL begins an alarm and its PASS ends it; NO-VERDICT says nothing."""
        found = []
        for one in message.channels:
            if one.channel in self._machines and one.verdict != Verdict.NO_VERDICT:
                bad = one.verdict == Verdict.FAIL
                reason = one.reason or one.label
                found += self._change(one.channel, "machine", bad, message.at_ns, reason)
        return found

    def _change(
        self,
        source: str,
        name: Literal["machine", "disarmed"],
        active: bool,
        at_ns: int,
        reason: str,
    ) -> list[AlarmMessage]:
        if active == (source in self._since):
            return []
        since_ns = self._since.setdefault(source, at_ns) if active else self._since.pop(source)
        return [
            AlarmMessage(
                station=self._station,
                at_ns=at_ns,
                source=source,
                name=name,
                active=active,
                severity="critical",
                reason=wire_text(reason),
                since_ns=since_ns,
            )
        ]
