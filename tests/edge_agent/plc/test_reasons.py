"""Reason classes: what the station's own words become for a PLC."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.decide.causes import cause
from edge_agent.plc.reasons import JobAnswer, OfflineReason, ReasonClass, reason_class


@pytest.mark.parametrize(
    ("verdict", "reason", "found"),
    [
        (Verdict.PASS, "", ReasonClass.GOOD),
        (Verdict.FAIL, "top: scratch", ReasonClass.DEFECT),
        (Verdict.NO_VERDICT, "late: 300 ms, the deadline is 200 ms", ReasonClass.LATE),
        (Verdict.NO_VERDICT, "top: no verdict within the deadline of 200 ms", ReasonClass.LATE),
        (Verdict.NO_VERDICT, "top: unseen: dropped from a full queue", ReasonClass.LATE),
        (Verdict.NO_VERDICT, "top: frozen camera", ReasonClass.CAMERA),
        (Verdict.NO_VERDICT, "top: unfamiliar: far from training", ReasonClass.UNFAMILIAR),
        (Verdict.NO_VERDICT, "top: unsure: score 0.5 lies between", ReasonClass.UNSURE),
        (Verdict.NO_VERDICT, "stopped by eve", ReasonClass.STOPPED),
        (Verdict.NO_VERDICT, "top: fault: no tensor", ReasonClass.FAULT),
        (Verdict.NO_VERDICT, "no verdict before the agent ended", ReasonClass.ENDED),
        (Verdict.NO_VERDICT, "something new", ReasonClass.OTHER),
    ],
)
def test_a_reason_has_its_class(verdict: Verdict, reason: str, found: ReasonClass) -> None:
    assert reason_class(Decision("p", verdict, "reject", reason, 1.0, ())) == found


def test_every_cause_has_a_number() -> None:
    assert cause(Verdict.NO_VERDICT, "tag flow is missing") == "sensor"
    names = {"good", "defect", "late", "camera", "sensor", "unfamiliar", "unsure", "stopped"}
    assert {name.upper() for name in names | {"ended", "fault"}} <= set(ReasonClass.__members__)


@pytest.mark.parametrize("codes", [ReasonClass, OfflineReason, JobAnswer])
def test_each_number_has_one_meaning(
    codes: type[ReasonClass] | type[OfflineReason] | type[JobAnswer],
) -> None:
    assert len({code.meaning for code in codes}) == len(codes)
    assert all(0 <= code.value < 256 for code in codes)
