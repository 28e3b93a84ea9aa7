"""Log lines: one clock, priorities for the journal, nothing that moves a cursor."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time

import pytest

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.log import BackgroundHandler, LogFormatter, is_journal, log_fail


def record(level: int, words: str, *arguments: object) -> logging.LogRecord:
    made = logging.LogRecord("lineside.station", level, "f", 1, words, arguments, None)
    made.created = 1_700_000_000.25
    return made


def test_line_has_the_time_in_utc() -> None:
    line = LogFormatter(journal=False).format(record(logging.WARNING, "late by %d ms", 7))
    assert line == "2023-11-14T22:13:20.250Z WARNING lineside.station: late by 7 ms"


@pytest.mark.parametrize(
    ("level", "priority"), [(logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3)]
)
def test_journal_gets_the_priority_and_no_time(level: int, priority: int) -> None:
    line = LogFormatter(journal=True).format(record(level, "armed"))
    assert line == f"<{priority}>lineside.station: armed"


def test_control_characters_are_escaped_and_a_traceback_keeps_its_lines() -> None:
    made = record(logging.ERROR, "part %s", "p\n<0>\x1b[2K\udcff")
    try:
        int("x")
    except ValueError:
        made.exc_info = sys.exc_info()
    first, *rest = LogFormatter(journal=True).format(made).split("\n")
    assert first == "<3>lineside.station: part p\\n<0>\\x1b[2K\\udcff"
    assert all(line.startswith("<3>") for line in rest)
    assert "ValueError: invalid literal" in rest[-1]


def test_journal_is_known_by_its_stream() -> None:
    with tempfile.TemporaryFile("w") as stream:
        found = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": "1:2"})
        assert not is_journal(stream, {})


def test_fails_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    for verdict in (Verdict.PASS, Verdict.FAIL):
        log_fail(Decision("p1", verdict, "reject", "top: dark", 1.0, ()))
    assert [r.message for r in caplog.records] == ["FAIL part p1: top: dark"]


def test_reader_of_the_log_that_hangs_delays_nobody() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        handler = BackgroundHandler(stream, waiting=100)
        handler.setFormatter(LogFormatter(journal=True))
        started = time.monotonic()
        for k in range(5000):
            handler.emit(record(logging.INFO, "line %d of one hundred characters" + 80 * "x", k))
        assert time.monotonic() - started < 5, "a full pipe of 64 kB stops nobody"
        with os.fdopen(read) as reader:
            text = ""
            while "line 4999 " not in text:
                text += reader.readline()
    assert "lines of the log were dropped" in text
