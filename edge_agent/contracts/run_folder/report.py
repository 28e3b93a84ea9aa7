"""What trainer and quantiser share of report.html: its style, and the place of the int8 figures."""

from __future__ import annotations

from pathlib import Path

QUANTISED_BEGIN = "<!-- quantised: begin -->"
QUANTISED_END = "<!-- quantised: end -->"
"""Between these two the trainer writes what is missing, and the quantiser its comparison. Text of
a data set is escaped in the report, so neither can occur in it by chance.
"""


def style() -> str:
    """The style sheet of every page."""
    return Path(__file__).with_name("report.css").read_text(encoding="utf-8")


def with_quantised(report: str, section: str) -> str:
    """The report with `section` in the place of the int8 figures; before its end if it has none."""
    head, begin, rest = report.partition(QUANTISED_BEGIN)
    _, end, tail = rest.partition(QUANTISED_END)
    if begin and end:
        return f"{head}{begin}\n{section}\n{end}{tail}"
    head, end, tail = report.rpartition("</body>")
    return f"{head}{section}\n{end}{tail}" if end else report + section
