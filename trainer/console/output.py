"""Results on stdout: tables and lines in which no name of a data set can act on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_agent.contracts.core.printable import printable

if TYPE_CHECKING:
    from rich.console import Console


def plain_console(*, stderr: bool = False) -> Console:
    """A console for which `[b]` and `:smile:` in a label are text."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1
) -> None:
    """A table on stdout; all but the first `text_columns` columns are set as numbers."""
    from rich.table import Table

    table = Table(title=printable(title), title_justify="left", title_style="bold")
    for number, name in enumerate(head):
        table.add_column(printable(name), justify="left" if number < text_columns else "right")
    for row in rows:
        table.add_row(*map(printable, row))
    plain_console().print(table)


def print_lines(*lines: str) -> None:
    """Lines on stdout, one each: a name with a line break in it stays in its line."""
    for line in lines:
        print(printable(line))  # noqa: T201
