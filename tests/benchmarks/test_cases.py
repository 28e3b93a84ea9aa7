from __future__ import annotations

import stat
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.cases import QUICK, find_cases, judge, run_case
from benchmarks.cases_expected import EXPECTED, Expected
from benchmarks.cases_moved import MODULES, replaced
from tests.station_kit import wait_until

CASES = Path(__file__).parents[3] / "shared" / "cases"
FOLDERS = [name for name in EXPECTED if name.startswith(("images/", "station/"))]
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no folder of cases")


def test_an_output_is_held_against_its_expectations() -> None:
    outcome = Expected((r"^FAIL a", r"rc=1"), (r"PASS",))
    assert judge(outcome, "x\nFAIL a\nrc=1\n") == []
    assert judge(outcome, "PASS\nFAIL a\n") == ["lacks rc=1", "has PASS"]
    assert len(judge(Expected(), "Traceback (most recent call last):\n")) == 1


def test_figures_of_an_output_are_held_against_what_is_right() -> None:
    outcome = Expected(figures=((r"made (\d+) left (\d+)", lambda made, left: made == left),))
    assert judge(outcome, "made 6 left 6\nmade 3 left 3\n") == []
    assert judge(outcome, "made 6 left 6\nmade 3 left 2\n") == ["wrong figures: made 3 left 2"]
    assert judge(outcome, "") == [r"lacks made (\d+) left (\d+)"]


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


def test_a_script_calls_what_has_moved_by_its_new_name() -> None:
    text = "from edge_agent.config import MqttTable\nimport edge_agent.web as W\n"
    moved = replaced(text, "attacks/x.py")
    assert moved.splitlines()[0] == "from edge_agent.messaging.config import MqttTable"
    assert moved.splitlines()[1] == text.splitlines()[1]


def test_every_module_that_scripts_import_is_there() -> None:
    for name in MODULES.values():
        assert find_spec(name) is not None, name


def test_what_a_case_leaves_running_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "one"
    folder.mkdir(parents=True)
    (folder / "cmd.sh").write_text("sleep 300 > /dev/null 2>&1 &\necho $!")
    _, output = run_case(tmp_path, "images/one")
    status = Path(f"/proc/{output.strip()}/stat")
    assert wait_until(lambda: not status.exists() or ") Z " in status.read_text())
