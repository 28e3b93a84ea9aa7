"""What a long step tells the person who waits: sentences and bars, always on stderr.

Where stderr is no terminal (a log, a service, a pipe) a bar is a line every LINE_S seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from edge_agent.contracts.core.printable import printable
from trainer.console.output import plain_console

LINE_S = 10.0
"""Seconds between two lines of a step where there is no terminal."""


class Bar(Protocol):
    """One long step under way."""

    def advance(self, steps: int = 1, note: str = "") -> None: ...


class Progress(Protocol):
    """Sentences and bars."""

    def say(self, sentence: str) -> None: ...

    def steps(self, what: str, total: int) -> AbstractContextManager[Bar]: ...


class SilentProgress:
    """Says nothing: for libraries and tests."""

    def say(self, sentence: str) -> None:
        del sentence

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Bar]:
        del what, total
        yield _NoBar()


class TerminalProgress:
    """Bars by rich on stderr; lines where stderr is no terminal. clock: seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = plain_console(stderr=True)
        self._clock = clock

    def say(self, sentence: str) -> None:
        self._console.print(printable(sentence), soft_wrap=True)

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Bar]:
        if not self._console.is_terminal:
            yield _LineBar(self.say, what, total, self._clock)
            return
        from rich import progress as rich_progress

        columns = (
            "{task.description:<26}",
            rich_progress.BarColumn(bar_width=30),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeElapsedColumn(),
            "{task.fields[note]}",
        )
        with rich_progress.Progress(*columns, console=self._console) as bars:
            task = bars.add_task(what, total=total, note="")
            yield _RichBar(bars, task)


class _NoBar:
    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note


class _LineBar:
    """A line when LINE_S seconds have passed since the last one, and one at the end."""

    def __init__(
        self, say: Callable[[str], None], what: str, total: int, clock: Callable[[], float]
    ) -> None:
        self._say, self._what, self._total, self._clock = say, what, total, clock
        self._done, self._note = 0, ""
        self._began = self._last = clock()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        self._note = note or self._note
        now = self._clock()
        if now - self._last < LINE_S and self._done < self._total:
            return
        self._last = now
        tail = f", {self._note}" if self._note else ""
        self._say(f"{self._what}: {self._done} of {self._total}, {now - self._began:.0f} s{tail}")


class _RichBar:
    def __init__(self, bars: object, task: object) -> None:
        self._bars = bars
        self._task = task

    def advance(self, steps: int = 1, note: str = "") -> None:
        extra = {"note": note} if note else {}
        self._bars.update(self._task, advance=steps, **extra)  # type: ignore[attr-defined]
