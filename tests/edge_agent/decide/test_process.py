"""A process watched row by row: the same figures as over the whole table, and nothing invented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Judgement, ProcessRow, Verdict
from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.process.tables import Row, table_of_rows
from edge_agent.decide.alarm_history import AlarmRule
from edge_agent.decide.process import ProcessInspector
from edge_agent.infer.bundle_inspector import BundleInspector, load_inspector
from tests.station_kit import DRIFT_SPEC, POWER_SPEC, write_process_bundle


def reader(folder: Path, spec: ModelSpec) -> BundleInspector:
    return load_inspector(read_bundle(write_process_bundle(folder / "one.bundle", spec)))


def judge_all(inspector: ProcessInspector, rows: list[Row]) -> list[Judgement | InputError]:
    found: list[Judgement | InputError] = []
    for seq, row in enumerate(rows):
        try:
            found.append(inspector.inspect(ProcessRow(row, 0, 0, seq)))
        except InputError as error:
            found.append(error)
    return found


def drift(seed: int = 0) -> list[Row]:
    """40 rows of a slow wave with values missing here and there."""
    rng = np.random.default_rng(seed)
    wave = 300 + 25 * np.sin(np.arange(40) / 6)
    return [{"air [K]": None if rng.random() < 0.2 else float(v)} for v in wave]


def test_row_by_row_is_as_the_whole_table_once_the_window_is_full(tmp_path: Path) -> None:
    bundle = reader(tmp_path, DRIFT_SPEC)
    rows = [{"air [K]": 290.0}, *drift()]
    whole = dict(bundle.inspect_table(table_of_rows(rows)))
    found = judge_all(ProcessInspector(bundle), rows)
    for at in range(3):
        assert isinstance(found[at], InputError)
        assert f"{at + 1} rows in a row so far, the model looks back on 4" in str(found[at])
    for at in range(3, len(rows)):
        one, other = found[at], whole[at]
        assert isinstance(one, Judgement)
        assert isinstance(other, Judgement)
        assert (one.score, one.verdict, one.label) == (other.score, other.verdict, other.label)
    held = [str(one.reason) for one in found if isinstance(one, Judgement) and one.reason]
    assert held
    assert all(reason.startswith("air [K] is missing, ") for reason in held)


def test_a_lost_row_empties_the_window(tmp_path: Path) -> None:
    inspector = ProcessInspector(reader(tmp_path, DRIFT_SPEC))
    row: Row = {"air [K]": 310.0}
    judge_all(inspector, [row] * 4)
    assert inspector.inspect(ProcessRow(row, 0, 0, 4)).verdict == Verdict.FAIL
    with pytest.raises(InputError, match="1 rows in a row so far"):
        inspector.inspect(ProcessRow(row, 0, 0, 6))


def test_a_refused_row_spoils_the_windows_that_look_back_on_it(tmp_path: Path) -> None:
    inspector = ProcessInspector(reader(tmp_path, DRIFT_SPEC))
    rows: list[Row] = [{"air [K]": v} for v in (290, 290, 290, 500, 290, 290, 290, 290)]
    found = judge_all(inspector, rows)
    said = [str(one) if isinstance(one, InputError) else one.verdict for one in found]
    assert said[3].startswith("air [K] = 500 lies outside 200..400: check the sensor")
    assert said[5].startswith("air [K] = 500 lies outside 200..400, 2 rows ago")
    assert said[7] == Verdict.PASS


def test_series_do_not_mix(tmp_path: Path) -> None:
    taken = DRIFT_SPEC.input
    assert isinstance(taken, TabularInput)
    spec = DRIFT_SPEC.model_copy(update={"input": taken.model_copy(update={"series": "oven"})})
    inspector = ProcessInspector(reader(tmp_path, spec))
    rows: list[Row] = [
        {"oven": oven, "air [K]": 285.0 if oven == "a" else 315.0} for oven in "abababab"
    ]
    found = judge_all(inspector, rows)
    assert all(isinstance(one, InputError) for one in found[:6])
    last = [one.verdict for one in found[6:] if isinstance(one, Judgement)]
    assert last == [Verdict.PASS, Verdict.FAIL]


def test_an_alarm_persists_in_its_own_series_and_over_a_hole(tmp_path: Path) -> None:
    taken = DRIFT_SPEC.input
    assert isinstance(taken, TabularInput)
    scoring = DRIFT_SPEC.scoring.model_copy(update={"persistence": AlarmRuleSpec(k=2, n=3)})
    update = {"input": taken.model_copy(update={"series": "oven"}), "scoring": scoring}
    bundle = reader(tmp_path, DRIFT_SPEC.model_copy(update=update))
    inspector = ProcessInspector(bundle)
    rows: list[Row] = [{"oven": oven, "air [K]": 315.0} for oven in "abababababab"]
    found = [one for one in judge_all(inspector, rows) if isinstance(one, Judgement)]
    assert [one.verdict for one in found] == [Verdict.PASS] * 2 + [Verdict.FAIL] * 4
    assert found[0].reason == "over the threshold in 1 of 3, 2 make an alarm"
    after = [inspector.inspect(ProcessRow(rows[0], 0, 0, seq)) for seq in range(12, 14)]
    assert [one.verdict for one in after] == [Verdict.FAIL] * 2
    for seq in range(15, 18):
        with pytest.raises(InputError, match="rows in a row so far"):
            inspector.inspect(ProcessRow(rows[0], 0, 0, seq))
    assert inspector.inspect(ProcessRow(rows[0], 0, 0, 18)).verdict == Verdict.FAIL
    alone = ProcessInspector(bundle, alarm=AlarmRule(AlarmRuleSpec()))
    first = [one for one in judge_all(alone, rows) if isinstance(one, Judgement)]
    assert first[0].verdict == Verdict.FAIL


def test_an_alarm_comes_although_every_second_row_is_lost(tmp_path: Path) -> None:
    inspector = ProcessInspector(
        reader(tmp_path, POWER_SPEC), alarm=AlarmRule(AlarmRuleSpec(k=2, n=3))
    )
    hot: Row = {"torque [Nm]": 100, "speed [rpm]": 1200}
    found = [inspector.inspect(ProcessRow(hot, 0, 0, seq)).verdict for seq in (0, 2, 4, 6)]
    assert found == [Verdict.PASS, *[Verdict.FAIL] * 3]


def test_a_series_is_named_as_the_workshop_names_it(tmp_path: Path) -> None:
    taken = DRIFT_SPEC.input
    assert isinstance(taken, TabularInput)
    spec = DRIFT_SPEC.model_copy(update={"input": taken.model_copy(update={"series": "oven"})})
    inspector = ProcessInspector(reader(tmp_path, spec))
    names = (0, 0.0, "0", None, 0, None, None, None)
    found = judge_all(inspector, [{"oven": name, "air [K]": 290.0} for name in names])
    judged = [at for at, one in enumerate(found) if isinstance(one, Judgement)]
    assert judged == [4, 7], "four rows each of the oven 0 and of the one without a name"


def test_tags_are_converted_filled_and_refused_by_name(tmp_path: Path) -> None:
    inspector = ProcessInspector(reader(tmp_path, POWER_SPEC))
    rows: list[Row] = [
        {"torque [Nm]": 20, "speed [rpm]": 1200},
        {"torque [kNm]": 0.05, "speed [rpm]": "1500"},
        {"torque [Nm]": 20, "speed [rpm]": None},
        {"torque [Nm]": None, "speed [rpm]": 1200},
        {"torque [Nm]": 130, "speed [rpm]": 1200},
        {"torque [Nm]": "n.d.", "speed [rpm]": 1200},
        {"speed [rpm]": 1200},
    ]
    found = judge_all(inspector, rows)
    verdicts = [one.verdict for one in found if isinstance(one, Judgement)]
    assert verdicts == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
    assert "speed [rpm] is missing, 1500 used" in str(getattr(found[2], "reason", ""))
    words = [str(one) for one in found[3:]]
    assert words[0].startswith("torque [Nm] is missing")
    assert words[1].startswith("torque [Nm] = 130 lies outside 0..120")
    assert "column 'torque [Nm]': 'n.d.' is not a number" in words[2]
    assert words[3].startswith("no column 'torque [Nm]'")


def test_a_bundle_of_another_kind_is_refused(image_bundle: Path) -> None:
    inspector = load_inspector(read_bundle(image_bundle))
    with pytest.raises(InputError, match="judges image, not process data"):
        ProcessInspector(inspector)
