"""The log of the agent: the clock of the verdict lines (UTC), and priorities for the journal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.messages import CONTROL

LOG = logging.getLogger("lineside.verdict")

WAITING = 10_000
PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
"""Level -> priority of syslog(3), which sd-daemon(3) takes as <N> at the begin of a line."""


class LogFormatter(logging.Formatter):
    """Lines with UTC time, or with a priority where the journal adds the time itself.

    Control characters of a message (a part id, a file name) are escaped; a traceback keeps its
    lines.
    """

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """The lines of a record."""
        text = CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), _words(record))
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if not self._journal:
            return f"{_time(record.created)} {record.levelname} {record.name}: {text}"
        priority = PRIORITIES.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{record.name}: {line}" for line in text.split("\n"))


class BackgroundHandler(logging.Handler):
    """Writes log lines in a thread of its own: a reader that hangs must not delay a decision.

    The drop rule: when WAITING lines wait, the oldest is dropped; the next line says how many.
    """

    def __init__(self, stream: TextIO, waiting: int = WAITING) -> None:
        super().__init__()
        self._stream = stream
        self._lines: deque[str] = deque()
        self._waiting = waiting
        self._dropped = 0
        self._busy = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the lines of a record."""
        line = self.format(record)
        with self._change:
            if len(self._lines) >= self._waiting:
                self._lines.popleft()
                self._dropped += 1
            self._lines.append(line)
            self._change.notify_all()

    def flush(self, limit_s: float = 2.0) -> None:
        """Wait until everything is written, for at most `limit_s`."""
        with self._change:
            self._change.wait_for(lambda: not self._lines and not self._busy, limit_s)

    def close(self) -> None:
        """Write what waits; the thread ends with the process."""
        self.flush()
        super().close()

    def _run(self) -> None:
        while True:
            with self._change:
                self._busy = False
                self._change.notify_all()
                self._change.wait_for(lambda: self._lines)
                self._busy = True
                lines, dropped = list(self._lines), self._dropped
                self._lines.clear()
                self._dropped = 0
            if dropped:
                lines.insert(0, f"{dropped} lines of the log were dropped: its reader is slow")
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()


def start_log(level: int) -> None:
    """Log on stderr from `level` on."""
    handler = BackgroundHandler(sys.stderr)
    handler.setFormatter(LogFormatter(journal=is_journal(sys.stderr, os.environ)))
    logging.basicConfig(level=level, handlers=[handler])


def flush_log() -> None:
    """Write what waits, before something else is written on stderr."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether the journal reads `stream` (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def log_fail(decision: Decision) -> None:
    """A FAIL in the log, for a station whose verdict lines nobody sees."""
    if decision.verdict == "FAIL" and not decision.late_fail:
        LOG.warning("FAIL part %s: %s", decision.part_id, decision.reason)


def _words(record: logging.LogRecord) -> str:
    return record.getMessage().encode("utf-8", "backslashreplace").decode("utf-8")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
