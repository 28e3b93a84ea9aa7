"""What trainer and quantiser share of report.html: its style, and the places of int8 figures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Place = Literal["acceptance", "next step", "comparison"]
"""Where the quantiser writes: rows of the acceptance box, its last sentence, a section."""


def style() -> str:
    """The style sheet of every page."""
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def place(name: Place, content: str = "") -> str:
    """`content` between two comments that name its place.

    Text of a data set is escaped in the report, so that it cannot hold such a comment by chance.
    """
    return f"<!-- int8 {name}: begin -->{content}<!-- int8 {name}: end -->"


def filled(report: str, name: Place, content: str) -> str:
    """The report with `content` in the place `name`.

    A report without such a place gets a comparison before its end, and nothing else.
    """
    begin, end = place(name, "\0").split("\0")
    head, opened, rest = report.partition(begin)
    _, closed, tail = rest.partition(end)
    if opened and closed:
        return f"{head}{begin}{content}{end}{tail}"
    if name != "comparison":
        return report
    head, body, tail = report.rpartition("</body>")
    return f"{head}{content}\n{body}{tail}" if body else report + content
