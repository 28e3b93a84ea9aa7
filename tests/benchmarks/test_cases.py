from __future__ import annotations

import stat
from pathlib import Path

import pytest

from benchmarks.cases import QUICK, find_cases, judge, run_case
from benchmarks.cases_expected import EXPECTED, Expected

CASES = Path(__file__).parents[3] / "shared" / "cases"
FOLDERS = [name for name in EXPECTED if name.startswith(("images/", "station/"))]
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no folder of cases")


def test_an_output_is_held_against_its_expectations() -> None:
    outcome = Expected((r"^FAIL a", r"rc=1"), (r"PASS",))
    assert judge(outcome, "x\nFAIL a\nrc=1\n") == []
    assert judge(outcome, "PASS\nFAIL a\n") == ["lacks rc=1", "has PASS"]
    assert len(judge(Expected(), "Traceback (most recent call last):\n")) == 1


def test_a_case_runs_on_a_writable_copy(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "one"
    folder.mkdir(parents=True)
    (folder / "cmd.sh").write_text('cd "$(dirname "$0")"; touch new && "$BIN/python" -c "print(7)"')
    (folder / "cmd.sh").chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert find_cases(tmp_path) == ["images/one"]
    faults, output = run_case(tmp_path, "images/one")
    assert (faults, output) == ([], "7\n")
    assert not (folder / "new").exists()


@needs_cases
def test_every_row_of_the_table_is_a_case() -> None:
    assert set(EXPECTED) <= set(find_cases(CASES))


@needs_cases
@pytest.mark.parametrize("name", QUICK)
def test_a_quick_case_is_right(name: str) -> None:
    assert run_case(CASES, name)[0] == []


@needs_cases
@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_a_filed_case_is_right(name: str) -> None:
    faults, output = run_case(CASES, name)
    assert faults == [], output
