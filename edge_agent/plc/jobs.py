"""Change-over by a number that the PLC gives: what the handshake asks of the station."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.plc.reasons import JobAnswer


@dataclass(frozen=True)
class JobState:
    """active: number of the job that runs, 0 where none was chosen; answer: to the last request."""

    active: int = 0
    answer: JobAnswer = JobAnswer.NONE


class Jobs(Protocol):
    """Takes up jobs. Both are called often and by one thread, and never wait."""

    def request(self, job: int) -> None:
        """Begin to take up a job; `state().answer` is BUSY until it is done or refused."""

    def state(self) -> JobState:
        """The job that runs, and what became of the last request."""


class NoJobs:
    """A station without change-over: every job is refused."""

    def __init__(self) -> None:
        self._state = JobState()

    def request(self, job: int) -> None:
        """Refuse it."""
        del job
        self._state = JobState(answer=JobAnswer.NO_JOBS)

    def state(self) -> JobState:
        """No job runs."""
        return self._state
