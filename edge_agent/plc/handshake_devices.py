"""The handshake as a trigger and as an output of the station."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.output import OutputStatus
from edge_agent.plc.driver import PlcTable, build_protocol
from edge_agent.plc.handshake import Result
from edge_agent.plc.jobs import Jobs
from edge_agent.plc.link import PlcLink
from edge_agent.plc.reasons import ACTIONS, VERDICTS, reason_class
from edge_agent.trigger.trigger import TriggerEvent, TriggerStatus


class PlcTrigger:
    """Gives an event for each trigger that the handshake accepted.

    `seq` counts them without a hole: a trigger that was not accepted gets no acquisition id, and
    the PLC knows it.
    """

    def __init__(self, link: PlcLink) -> None:
        self._link = link
        self._events = 0

    def open(self) -> None:
        """The link is the output's; raises DeviceError while it is lost."""
        if self._link.fault:
            raise DeviceError(self._link.fault)

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next accepted part; raises DeviceError while the link is lost."""
        accepted = self._link.next_accepted(timeout_s)
        if accepted is None:
            return None
        seq, self._events = self._events, self._events + 1
        return TriggerEvent(accepted.mono_ns, seq, accepted.part_id)

    def status(self) -> TriggerStatus:
        """Accepted parts, and triggers that were not accepted since the PLC's last reset."""
        return TriggerStatus(self._events, self._link.missed, fault=self._link.fault)

    def close(self) -> None:
        """The link stays: it is the output's."""


class PlcOutput:
    """Hands each decision to the handshake. Its safe state is silence: the PLC accepts a part only
    by its own result.
    """

    def __init__(self, link: PlcLink, name: str) -> None:
        self._link = link
        self._where = f"output {name}"
        self._commanded: Action | None = None
        self._written = self._failed = 0

    def open(self) -> None:
        """Connect; the PLC reads that the station is starting."""
        self._link.start()

    def write(self, decision: Decision) -> None:
        """Queue the result; raises DeviceError where the PLC will not see it."""
        latency_ms = round(decision.latency_ms)
        verdict, action = VERDICTS[decision.verdict], ACTIONS[decision.action]
        try:
            self._link.decide(
                decision.part_id, Result(verdict, action, reason_class(decision), latency_ms)
            )
        except DeviceError as error:
            self._failed += 1
            raise DeviceError(error.what, where=self._where, cure=error.cure) from error
        self._commanded = decision.action
        self._written += 1

    def show_safe_state(self) -> None:
        """Nothing to show: a part without a result is rejected."""

    def status(self) -> OutputStatus:
        """The link reads its words back by itself; another value there is a fault."""
        return OutputStatus(self._commanded, None, self._link.fault, self._written, self._failed)

    def close(self) -> None:
        """Tell the PLC of the end, and disconnect."""
        self._link.stop()


class Plc:
    """The handshake with one PLC: its link, and the link as a trigger and as an output."""

    def __init__(self, config: PlcTable, link: PlcLink) -> None:
        self.name = config.name
        self.trigger = PlcTrigger(link) if config.triggers else None
        self.output = PlcOutput(link, config.name)
        self._link = link

    def follow_state(self, state: str, *, is_running: bool) -> None:
        """The station's state: armed, disarmed or stopping; whether it decides about parts."""
        running = is_running and state != "stopping"
        self._link.set_state(running=running, armed=state == "armed")

    def follow(self, jobs: Jobs) -> None:
        """Let the PLC choose among those."""
        self._link.jobs = jobs


class NoPlc:
    """A station without a PLC."""

    name = ""
    trigger = None
    output = None

    def follow_state(self, state: str, *, is_running: bool) -> None:
        """Nobody wants to know."""

    def follow(self, jobs: Jobs) -> None:
        """Nobody chooses."""


def build_plc(config: PlcTable, *, clock: Clock, held: Callable[[], bool]) -> Plc:
    """The closed handshake that a validated `[plc]` describes."""
    link = PlcLink(config, build_protocol(config), clock=clock, held=held)
    return Plc(config, link)
