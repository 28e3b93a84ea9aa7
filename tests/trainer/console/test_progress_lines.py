"""A step without a terminal: a line every ten seconds, and one at its end."""

from __future__ import annotations

import pytest

from trainer.console.progress import LINE_S, TerminalProgress


class Seconds:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_long_step_writes_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Seconds()
    with TerminalProgress(clock).steps("training", 60) as bar:
        for epoch in range(60):
            clock.now += 1.0
            bar.advance(note=f"loss {epoch}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"training: {n} of 60, {n} s, loss {n - 1}" for n in range(10, 61, int(LINE_S))
    ]


def test_a_quick_step_writes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TerminalProgress(Seconds()).steps("reading", 3) as bar:
        for _ in range(3):
            bar.advance()
    assert capsys.readouterr().err == "reading: 3 of 3, 0 s\n"
