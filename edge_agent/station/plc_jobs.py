"""Change-over by the number that a PLC gives: job 5 is the recipe "5", job 0 the channels' own."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.plc.jobs import JobState
from edge_agent.plc.reasons import JobAnswer
from edge_agent.station.change_over import ChangeOver


class PlcJobs:
    """Takes up jobs for the handshake. choose: gives the reason where a job is unknown.

    After an unknown job nothing passes until a known one is chosen: the line works on something
    that no recipe is for.
    """

    def __init__(self, change_over: ChangeOver, choose: Callable[[str], str]) -> None:
        self._change_over = change_over
        self._choose = choose
        self._asked = False

    def request(self, job: int) -> None:
        """Begin to take up a job."""
        self._asked = True
        self._choose(str(job) if job else "")

    def state(self) -> JobState:
        """The job that runs, and what became of the last request."""
        change_over = self._change_over
        name = change_over.job
        active = _number(name)
        if change_over.fault:
            return JobState(active, JobAnswer.UNKNOWN)
        if not change_over.is_done:
            return JobState(active, JobAnswer.BUSY)
        return JobState(active, JobAnswer.TAKEN if self._asked else JobAnswer.NONE)


def _number(job: str) -> int:
    """The job's number; 0 for the channels' own, and for a name that is none."""
    is_number = job.isascii() and job.isdecimal() and len(job) <= 5
    return int(job) if is_number and int(job) < 1 << 16 else 0
