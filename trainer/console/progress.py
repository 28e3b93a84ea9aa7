"""What a long step tells the person who waits: sentences and bars, always on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from edge_agent.contracts.core.printable import printable
from trainer.console.output import plain_console


class Bar(Protocol):
    """One long step under way."""

    def advance(self, steps: int = 1, note: str = "") -> None: ...


class Talk(Protocol):
    """Sentences and bars."""

    def say(self, sentence: str) -> None: ...

    def steps(self, what: str, total: int) -> AbstractContextManager[Bar]: ...


class Silent:
    """Says nothing: for libraries and tests."""

    def say(self, sentence: str) -> None:
        del sentence

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Bar]:
        del what, total
        yield _NoBar()


class Terminal:
    """Bars by rich on stderr; plain sentences where stderr is no terminal."""

    def __init__(self) -> None:
        self._console = plain_console(stderr=True)

    def say(self, sentence: str) -> None:
        self._console.print(printable(sentence), soft_wrap=True)

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Bar]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        columns = (
            "{task.description:<26}",
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            "{task.fields[note]}",
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(what, total=total, note="")
            yield _RichBar(progress, task)


class _NoBar:
    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note


class _RichBar:
    def __init__(self, progress: object, task: object) -> None:
        self._progress = progress
        self._task = task

    def advance(self, steps: int = 1, note: str = "") -> None:
        extra = {"note": note} if note else {}
        self._progress.update(self._task, advance=steps, **extra)  # type: ignore[attr-defined]
