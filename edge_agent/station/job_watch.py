"""The job as files of the state folder: asked for by a command, kept over a restart, answered."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from secrets import token_hex

from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.station.change_over import ChangeOver

LOG = logging.getLogger("lineside.station")

ASKED, ANSWERED = "job.json", "job-state.json"
LOOK_S = 0.05
"""Between two looks at what is asked for."""
MOST_BYTES = 10_000


class JobRequest(Strict):
    """The job that somebody asked for; `request` is told again in the answer."""

    job: str = Field(max_length=63)
    request: str = Field(max_length=63)


class JobState(Strict):
    """What became of it: active, or the reason."""

    job: str
    request: str
    active: bool
    reason: str = ""


class JobWatch:
    """Follows the request file; start() and stop() own its thread.

    choose() takes a job at once, from any thread, and the file follows.
    """

    def __init__(self, folder: Path, change_over: ChangeOver, look_s: float = LOOK_S) -> None:
        self._folder = folder
        self.change_over = change_over
        self._look_s = look_s
        self._seen: JobRequest | None = None
        self._read_at: tuple[int, ...] = ()
        self._answered: JobState | None = None
        self._chosen: list[JobRequest] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def load(self) -> str:
        """The job of the last run; empty where there was none. Raises StorageError."""
        self._seen = read_request(self._folder)
        return "" if self._seen is None else self._seen.job

    def choose(self, job: str) -> str:
        """Change over now; gives the reason where the job is unknown. Never waits for the disk."""
        reason = self.change_over.select(job)
        self._chosen.append(JobRequest(job=job[:63], request=token_hex(8)))
        return reason

    def start(self) -> None:
        """Begin to look."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    def _run(self) -> None:
        failed = 0
        while not self._stopping.wait(self._look_s):
            try:
                self._look()
                failed = 0
            except (StorageError, OSError) as error:
                failed += 1
                if failed == 1:
                    LOG.warning("the job cannot be read or kept: %s", error)

    def _look(self) -> None:
        while self._chosen:
            self._seen = self._chosen[0]
            write_request(self._folder, self._seen)
            del self._chosen[0]
        asked = self._fresh_request()
        if asked is not None and asked != self._seen:
            self._seen = asked
            self.change_over.select(asked.job)
        if self._seen is not None:
            self._answer(self._seen)

    def _fresh_request(self) -> JobRequest | None:
        """What is asked for, where the file is another one than at the last look."""
        try:
            found = (self._folder / ASKED).stat()
        except FileNotFoundError:
            return None
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if stamp == self._read_at:
            return None
        asked = read_request(self._folder)
        self._read_at = stamp
        return asked

    def _answer(self, asked: JobRequest) -> None:
        change_over = self.change_over
        active = change_over.is_done and change_over.job == asked.job
        reason = change_over.fault
        state = JobState(job=asked.job, request=asked.request, active=active, reason=reason)
        if state != self._answered and (active or reason):
            path = self._folder / ANSWERED
            fresh = path.with_suffix(".next")  # an answer need not outlive a power cut: no fsync
            fresh.write_text(state.model_dump_json())
            fresh.replace(path)
            self._answered = state


def write_request(folder: Path, asked: JobRequest) -> None:
    """Ask the agent of that state folder for a job; raises StorageError."""
    write_atomic(folder / ASKED, asked.model_dump_json().encode())


def read_request(folder: Path) -> JobRequest | None:
    """What was asked for last; raises StorageError for a damaged file."""
    try:
        return JobRequest.model_validate_json(_read(folder / ASKED))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        where, cure = str(folder / ASKED), "choose a job with `lineside-agent job select`"
        raise StorageError("is damaged", where=where, cure=cure) from error


def read_state(folder: Path) -> JobState | None:
    """The agent's last answer; None where there is none that can be read."""
    try:
        return JobState.model_validate_json(_read(folder / ANSWERED))
    except (OSError, ValidationError):
        return None


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MOST_BYTES)
