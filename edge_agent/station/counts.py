"""The counts of a station since its start; every thread may add to them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from edge_agent.contracts.core.types import Verdict


@dataclass
class StationCounts:
    """parts: decided ones; faults: exceptions that cost no part; late_fails: FAILs after the part
    was decided.
    """

    parts: int = 0
    passed: int = 0
    failed: int = 0
    no_verdict: int = 0
    faults: int = 0
    late_fails: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add_part(self, verdict: Verdict) -> None:
        """Count a decided part."""
        with self._lock:
            self.parts += 1
            self.passed += verdict == Verdict.PASS
            self.failed += verdict == Verdict.FAIL
            self.no_verdict += verdict == Verdict.NO_VERDICT

    def add_late_fail(self) -> None:
        """Count a FAIL that came after its part was decided."""
        with self._lock:
            self.late_fails += 1

    def add_fault(self) -> int:
        """Count a fault; gives their number."""
        with self._lock:
            self.faults += 1
            return self.faults

    def __str__(self) -> str:
        return (
            f"{self.parts} parts: {self.passed} PASS, {self.failed} FAIL, "
            f"{self.no_verdict} NO-VERDICT"
        )
