"""The handshake with a PLC as a state machine: no I/O, no threads, no clock.

Trigger: the PLC raises `trigger` while `ready`; the station accepts it with a new acquisition id
and `trigger_ack`; the PLC lowers `trigger`, the station lowers `trigger_ack`. Result: the station
raises `result_valid`, the PLC takes the words and raises `result_ack`, the station lowers
`result_valid`, the PLC lowers `result_ack`. A result that was shown stays until it is acknowledged.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, replace

from edge_agent.plc.jobs import JobState
from edge_agent.plc.reasons import JobAnswer, OfflineReason, ReasonClass
from edge_agent.plc.registers import Command, Status

LARGEST = 0xFFFF
REMEMBERED = 256
"""Accepted parts that are remembered after their result, for a late FAIL."""
ACCEPT, NO_VERDICT, REJECT = 1, 4, 2


@dataclass(frozen=True)
class Acquisition:
    """A part that was accepted. part_number: the PLC's own; mono_ns: when its trigger was seen;
    part_id: its name in every message.
    """

    number: int
    part_number: int
    mono_ns: int
    part_id: str = ""


@dataclass(frozen=True)
class Result:
    """A decision as the PLC reads it; verdict, action and reason_class as in the register map."""

    verdict: int
    action: int
    reason_class: int
    latency_ms: int = 0
    acquisition: int = 0
    part_number: int = 0

    def of(self, acquisition: Acquisition) -> Result:
        """The result of that acquisition."""
        return replace(self, acquisition=acquisition.number, part_number=acquisition.part_number)


@dataclass(frozen=True)
class Scan:
    """What a look at the command block brought: a part that was accepted, a job that is asked."""

    accepted: Acquisition | None = None
    job: int | None = None


class Handshake:
    """The state of one handshake; one thread at a time.

    room: accepted parts and waiting results together; while they are so many, it is not ready.
    triggers: the PLC's triggers begin the parts; without it each decision is a part of its own.
    timeout_ns: an accepted part without a decision for so long ends as NO-VERDICT. gap_ns: a
    trigger that rose between two looks further apart is missed: nobody knows when its part came.
    """

    def __init__(
        self,
        *,
        room: int,
        triggers: bool,
        timeout_ns: int,
        gap_ns: int,
        part_name: str = "plc-{part_number}-{acquisition_id}",
    ) -> None:
        self.offline = OfflineReason.STARTING
        self.armed = False
        self.job = JobState()
        self._room = room
        self._triggers = triggers
        self._timeout_ns = timeout_ns
        self._gap_ns = gap_ns
        self._part_name = part_name
        self._number = self._missed = self._overruns = 0
        self._overrun = False
        self._command = Command()
        self._looked_ns: int | None = None
        self._trigger_ack = False
        self._open: OrderedDict[str, Acquisition] = OrderedDict()
        self._accepted: OrderedDict[str, Acquisition] = OrderedDict()
        self._results: deque[Result] = deque()
        self._shown: Result | None = None
        self._is_valid = False
        self._asks_job = False

    @property
    def reason(self) -> OfflineReason:
        """Why it is offline, or not armed."""
        if self.offline != OfflineReason.NONE:
            return self.offline
        if not self._command.enable:
            return OfflineReason.NOT_ENABLED
        if self.job.answer == JobAnswer.BUSY:
            return OfflineReason.CHANGE_OVER
        return OfflineReason.NONE if self.armed else OfflineReason.DISARMED

    @property
    def is_ready(self) -> bool:
        """Whether a trigger is accepted now."""
        online = self.reason in (OfflineReason.NONE, OfflineReason.DISARMED)
        idle = not self._trigger_ack and not self._command.trigger
        return self._triggers and online and idle and self._has_room

    @property
    def _has_room(self) -> bool:
        return len(self._open) + len(self._results) < self._room

    def begin(self, last_acquisition: int) -> None:
        """The link is there, for the first time or again. last_acquisition: what the PLC's memory
        holds, so that a restarted station repeats no number.

        What was under way is dropped: the PLC gave it up when the heartbeat stopped.
        """
        self._number = self._number or last_acquisition
        self._open.clear()
        self._results.clear()
        self._is_valid = self._trigger_ack = False
        self._looked_ns = None

    def scan(self, command: Command, now_ns: int) -> Scan:
        """Take up what the PLC asks; `now_ns`: monotonic time of the look."""
        before = self._command
        was_ready = self.is_ready and self._is_fresh(now_ns)
        self._command, self._looked_ns = command, now_ns
        if command.reset_counts and not before.reset_counts:
            self._missed = self._overruns = 0
            self._overrun = False
        accepted = None
        if command.trigger and not before.trigger and self._triggers:
            accepted = self._accept(now_ns) if was_ready and command.enable else None
            self._missed = min(self._missed + (accepted is None), LARGEST)
        elif not command.trigger:
            self._trigger_ack = False
        self._expire(now_ns)
        self._hand_over()
        return Scan(accepted, self._asked_job(before))

    def decide(self, part_id: str, result: Result) -> bool:
        """The decision on a part; False where the buffer was full and the PLC will not see it."""
        if not self._triggers:
            return self._put(result.of(Acquisition(self._next_number(), 0, 0)))
        acquisition = self._open.pop(part_id, None)
        if acquisition is None:
            return self._decide_again(part_id, result)
        if result.action == ACCEPT:
            self._remember(part_id, acquisition)
        return self._put(result.of(acquisition))

    def _decide_again(self, part_id: str, result: Result) -> bool:
        """A decision on a part that has one: only what takes an accept back is news for the PLC."""
        accepted = None if result.action == ACCEPT else self._accepted.pop(part_id, None)
        return accepted is None or self._put(result.of(accepted))

    def status(self, heartbeat: int) -> Status:
        """What the PLC may know now."""
        shown = self._shown or Result(0, 0, 0)
        reason = self.reason
        job = self.job.answer
        return Status(
            acquisition_id=self._number,
            missed_count=self._missed,
            overrun_count=self._overruns,
            results_waiting=len(self._results),
            offline_reason=reason,
            job_active=self.job.active,
            job_answer=job,
            result_acquisition_id=shown.acquisition,
            result_part_number=shown.part_number,
            verdict=shown.verdict,
            action=shown.action,
            reason_class=shown.reason_class,
            result_latency_ms=min(shown.latency_ms, LARGEST),
            heartbeat=heartbeat,
            online=reason in (OfflineReason.NONE, OfflineReason.DISARMED),
            ready=self.is_ready,
            trigger_ack=self._trigger_ack,
            busy=bool(self._open),
            result_valid=self._is_valid,
            overrun=self._overrun,
            job_ack=self._asks_job and job == JobAnswer.TAKEN,
            job_refused=self._asks_job and job not in (JobAnswer.TAKEN, JobAnswer.BUSY),
            armed=self.armed,
        )

    def _is_fresh(self, now_ns: int) -> bool:
        return self._looked_ns is not None and now_ns - self._looked_ns <= self._gap_ns

    def _accept(self, now_ns: int) -> Acquisition:
        number, part_number = self._next_number(), self._command.part_number
        part_id = self._part_name.format(part_number=part_number, acquisition_id=number)
        accepted = Acquisition(number, part_number, now_ns, part_id)
        self._open[accepted.part_id] = accepted
        self._trigger_ack = True
        return accepted

    def _next_number(self) -> int:
        self._number = self._number % LARGEST + 1
        return self._number

    def _expire(self, now_ns: int) -> None:
        late = [
            part_id
            for part_id, acquisition in self._open.items()
            if now_ns - acquisition.mono_ns > self._timeout_ns
        ]
        for part_id in late:
            self.decide(part_id, Result(NO_VERDICT, REJECT, ReasonClass.NO_RESULT))

    def _hand_over(self) -> None:
        """Take back an acknowledged result; show the next one when the PLC is ready to see it."""
        if self._is_valid and self._command.result_ack:
            self._results.popleft()
            self._is_valid = False
        elif not self._is_valid and self._results and not self._command.result_ack:
            self._shown = self._results[0]
            self._is_valid = True

    def _asked_job(self, before: Command) -> int | None:
        if not self._command.job_select:
            self._asks_job = False
        elif not before.job_select:
            self._asks_job = True
            return self._command.job
        return None

    def _put(self, result: Result) -> bool:
        if len(self._results) >= self._room:
            self._overrun = True
            self._overruns = min(self._overruns + 1, LARGEST)
            return False
        self._results.append(result)
        return True

    def _remember(self, part_id: str, acquisition: Acquisition) -> None:
        self._accepted[part_id] = acquisition
        if len(self._accepted) > REMEMBERED:
            self._accepted.popitem(last=False)
