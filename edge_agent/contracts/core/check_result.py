"""One line of a check: what was looked at, what was found, and the cure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Grade = Literal["OK", "WARN", "FAIL", "UNKNOWN"]


@dataclass(frozen=True)
class CheckResult:
    """UNKNOWN: it cannot be seen from here. exit_code: of the command when this is a FAIL."""

    what: str
    grade: Grade
    detail: str
    cure: str = ""
    exit_code: int = 1

    def row(self) -> dict[str, str]:
        """The object that `--json` prints for it; without a cure where there is none."""
        row = {"what": self.what, "grade": self.grade, "detail": self.detail}
        return row | ({"cure": self.cure} if self.cure else {})
