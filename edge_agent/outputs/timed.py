"""An output that acts when the part is at the gate: a thread that follows a GateSchedule."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from typing import Protocol

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.gate import MOST_SLOTS, GateSchedule, GateTable, Shown
from edge_agent.outputs.output import Output, OutputStatus

LOG = logging.getLogger("lineside.outputs")

IDLE_MS = 50.0
"""Longest sleep of the thread, also while no part is on its way."""
FOLLOW_NS = 2_000_000
"""Between two looks at the way of the belt."""
STALL_S = 1.0
"""A thread that gave no sign of life for so long hangs in its device."""
ALARM_NS = 1_000_000_000
"""For so long a bad part that went through is a fault."""
LATE_CURE = "set delay and line.deadline_ms so that a verdict comes before the gate"
LOST = "the encoder is lost: where the belt is, is not known"
RETRY_NS = 100_000_000
"""After a failed movement the device is tried again."""
END_S = 5.0
"""Longest wait for the thread at close()."""


class Place(Protocol):
    """How far the belt has moved, in um, `ahead_ns` after a moment (monotonic ns).

    None while the encoder is lost.
    """

    def __call__(self, mono_ns: int, ahead_ns: int = 0) -> int | None: ...


@dataclass(frozen=True)
class Look:
    """What the device must show, until which place (None: no end is known), and the moment at
    which to look again. fault: why it is the safe state.
    """

    shown: Shown
    until: int | None
    wake_ns: int
    fault: str = ""


class TimedOutput:
    """Moves `device` for each part when the part is at the gate. Any thread may call it.

    place: where the belt is, for a gate whose delay is a way; else the clock counts.
    safe_state: as in the device's own table; parts that are not decided in time take it too.
    """

    def __init__(
        self,
        device: Output,
        gate: GateTable,
        safe_state: Action,
        *,
        name: str,
        clock: Clock,
        place: Place | None = None,
    ) -> None:
        self._device = device
        self._gate = gate
        self._safe_state: Action = safe_state
        self._name = name
        self._clock = clock
        self._place = place or _time
        self._schedule = self._new_schedule()
        self._written = self._failed = 0
        self._shown: Shown | None = None
        self._fault = self._stopped = self._alarm = ""
        self._alarm_until_ns = self._beat_ns = self._told_ns = 0
        self._stopping = self._changed = False
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open the device in its safe state, and follow the parts from now on."""
        self.close()
        self._device.open()
        self._schedule = self._new_schedule()
        self._schedule.show_safe_state(self._safe_state, self._now() or 0)
        self._shown, self._fault, self._stopped, self._alarm = None, "", "", ""
        self._stopping, self._beat_ns = False, self._clock.mono_ns()
        self._thread = threading.Thread(target=self._run, name=f"gate-{self._name}", daemon=True)
        self._thread.start()

    def expect(self, part_id: str, trigger_ns: int) -> None:
        """A part passed the trigger: if nobody decides it, it takes the safe state."""
        trigger = self._place(trigger_ns)
        with self._change:
            if trigger is not None and not self._schedule.expect(part_id, trigger, trigger_ns):
                self._raise_alarm(f"more than {MOST_SLOTS} parts are on their way", "stop")
            self._notify()

    def write(self, decision: Decision) -> None:
        """The part is decided: it is acted on when it is at the gate.

        Raises DeviceError for as long as the device does not follow, or a bad part went through.
        """
        trigger = self._place(decision.trigger_ns or self._clock.mono_ns())
        now = self._now()
        with self._change:
            if trigger is not None and now is not None:
                action = self._gate.action_on(decision)
                late = self._schedule.decide(
                    decision.part_id, trigger, action, now, decision.trigger_ns
                )
                if late is not None and late.went_through:
                    words = (
                        f"part {late.part_id} ({decision.verdict}) went through before its verdict"
                    )
                    self._raise_alarm(words, self._gate.late)
            self._notify()
            fault = self._now_wrong()
            self._failed += bool(fault)
            self._written += not fault
        if fault:
            is_late = bool(self._stopped) or fault == self._alarm
            cure = LATE_CURE if is_late else "check the device and its wiring; it is tried again"
            raise DeviceError(fault, where=f"output {self._name}", cure=cure)

    def show_safe_state(self) -> None:
        """The safe state, from now until a part that comes later is decided and at the gate."""
        with self._change:
            self._schedule.show_safe_state(self._safe_state, self._now() or 0)
            self._notify()

    def status(self) -> OutputStatus:
        """What the device shows, and how many decisions came too late for it."""
        device = self._device.status()
        with self._change:
            fault = self._now_wrong() or device.fault
            schedule = self._schedule
            return replace(
                device,
                fault=fault,
                written=self._written,
                failed=self._failed,
                late=schedule.late,
                went_through=schedule.went_through,
            )

    def close(self) -> None:
        """End the thread and leave the safe state behind."""
        with self._change:
            self._stopping = True
            self._notify()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(END_S)
        self._device.close()

    def _new_schedule(self) -> GateSchedule:
        gate = self._gate
        return GateSchedule(
            gate.delay_steps, gate.width_steps, rest=gate.rest, undecided=self._safe_state
        )

    def _now(self, ahead_ns: int = 0) -> int | None:
        return self._place(self._clock.mono_ns(), ahead_ns)

    def _notify(self) -> None:
        self._changed = True
        self._change.notify_all()

    def _raise_alarm(self, words: str, kind: str) -> None:
        LOG.error("output %s: %s", self._name, words)
        self._alarm, self._alarm_until_ns = words, self._clock.mono_ns() + ALARM_NS
        if kind == "stop":
            self._stopped = words

    def _now_wrong(self) -> str:
        now_ns = self._clock.mono_ns()
        if self._stopped:
            return f"stopped: {self._stopped}"
        if self._alarm and now_ns < self._alarm_until_ns:
            return self._alarm
        if self._thread is not None and now_ns - self._beat_ns > STALL_S * 1e9:
            return "the device hangs"
        return self._fault

    def _run(self) -> None:
        turn = RealTimeThread()
        while not self._stopping:
            turn.keep()
            self._beat_ns = self._clock.mono_ns()
            look = self._look()
            wake_ns = look.wake_ns
            try:
                self._show(look)
                self._fault = look.fault
            except DeviceError as error:
                self._fault, self._shown = str(error), None
                wake_ns = self._clock.mono_ns() + RETRY_NS
            except Exception as error:
                LOG.exception("output %s failed; going on", self._name)
                self._fault, self._shown = repr(error), None
                wake_ns = self._clock.mono_ns() + RETRY_NS
            # From a moment, not for a time: a slow device must not make the next movement late.
            wait_s = (wake_ns - self._clock.mono_ns()) / 1e9
            with self._change:
                self._change.wait_for(lambda: self._changed or self._stopping, max(0.0, wait_s))
                self._changed = False

    def _look(self) -> Look:
        """What the device must show now, until which place, and when to look again."""
        ahead_ns, now_ns = round(self._gate.lead_ms * 1e6), self._clock.mono_ns()
        idle_ns = now_ns + round(1e6 * (self._gate.refresh_ms or IDLE_MS))
        with self._change:
            now = self._place(now_ns, ahead_ns)
            if now is None:
                self._schedule.forget()
                self._schedule.show_safe_state(self._safe_state, 0)
                return Look(Shown(self._safe_state), None, now_ns + FOLLOW_NS, LOST)
            shown = self._schedule.shown(now)
            change = self._schedule.next_change(now)
        if self._stopped:
            shown = Shown("stop")
        if change is None:
            return Look(shown, None, idle_ns)
        wake_ns = now_ns + (FOLLOW_NS if self._gate.by_way else change - now)
        return Look(shown, change, min(wake_ns, idle_ns))

    def _show(self, look: Look) -> None:
        """Move the device where it must move, or be told that we are alive."""
        now_ns, refresh_ns = self._clock.mono_ns(), self._gate.refresh_ms * 1e6
        now = self._now(round(self._gate.lead_ms * 1e6))
        if look.until is not None and now is not None and now >= look.until:
            return  # this thread was held up: what it wanted to show is over
        shown = look.shown
        moved = self._shown is None or shown.action != self._shown.action
        if moved or (refresh_ns and now_ns - self._told_ns >= refresh_ns):
            verdict = Verdict.PASS if shown.action == "accept" else Verdict.NO_VERDICT
            self._device.write(Decision(shown.part_id, verdict, shown.action, "", 0.0, ()))
            self._shown, self._told_ns = shown, now_ns


def _time(mono_ns: int, ahead_ns: int = 0) -> int:
    """The place of a gate whose delay is a time."""
    return mono_ns + ahead_ns
