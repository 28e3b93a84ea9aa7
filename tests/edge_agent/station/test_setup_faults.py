"""A fault is told at the setting that has it, with the bound that it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.station.setup_faults import faults_of, whole_fault
from edge_agent.web.commission import Choice

GOOD = Choice(station="s", bundle="b", source={"driver": "simulated"})


@pytest.mark.parametrize(
    ("change", "part", "place", "kind", "bound"),
    [
        ({"source": {"driver": "simulated", "rate_hz": -1}}, "source", ["rate_hz"],
         "greater_than_equal", "0"),
        ({"source": {"driver": "simulatd"}}, "source", ["driver"], "", ""),
        ({"source": {}}, "source", ["driver"], "", ""),
        ({"trigger": {"driver": "gpio"}}, "trigger", ["line"], "missing", ""),
        ({"trigger": {"driver": "gpio", "line": 1, "edge": "up"}}, "trigger", ["edge"],
         "literal_error", "'rising' or 'falling'"),
        ({"output": {"driver": "simulated", "gate": {"delay_ms": 4e6}}}, "output",
         ["gate", "delay_ms"], "less_than_equal", "3600000"),
        ({"output": {"driver": "simulated", "histry": 1}}, "output", ["histry"],
         "extra_forbidden", ""),
        ({"view": {"left": 0.7, "width": 0.7}}, "view", [], "value_error", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_a_fault_is_told_at_its_setting(
    tmp_path: Path, change: dict[str, object], part: str, place: list[str], kind: str, bound: str
) -> None:
    (fault,) = faults_of(GOOD.model_copy(update=change), tmp_path)
    assert (fault.part, fault.place, fault.kind, fault.bound) == (part, place, kind, bound)
    assert fault.text


def test_a_misspelt_setting_is_answered_with_the_right_one(tmp_path: Path) -> None:
    choice = GOOD.model_copy(update={"output": {"driver": "simulated", "histry": 1}})
    assert "history" in faults_of(choice, tmp_path)[0].text


def test_a_choice_without_fault_has_none(tmp_path: Path) -> None:
    assert faults_of(GOOD, tmp_path) == []
    assert whole_fault("no such bundle").part == ""
