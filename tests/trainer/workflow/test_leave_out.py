from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.__main__ import main
from trainer.cli.crossval import choices_of
from trainer.config.fit import FitConfig
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.samples import Dataset
from trainer.workflow.leave_out import leave_out, protocol_of, without
from trainer.workflow.leave_out_files import run_leave_out


@pytest.fixture
def rig(tmp_path: Path) -> Dataset:
    """Two faults at three loads and one lone normal recording, as bearing rigs are published."""
    rng = np.random.default_rng(0)
    lines = ["path,label,bearing,load"]
    for label in ("inner", "outer", "normal"):
        for load in range(3 if label != "normal" else 1):
            name = f"{label}{load}.npz"
            hum = np.sin(np.arange(4000) * (0.3 if label == "inner" else 0.6))
            loud = 0.0 if label == "normal" else 1.0
            np.savez(tmp_path / name, x=(loud * hum + rng.normal(0, 0.1, 4000)).astype(np.float32))
            size = "" if label == "normal" else f"-{7 * (load + 1):03d}"
            lines.append(f"{name},{label},{label}{size},{load}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    (tmp_path / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["normal"]\nlabels = "labels.csv"\ngroup = "bearing"\n'
        '[vibration]\nrate_hz = 1000\naxes = ["x"]\n'
    )
    return load_dataset(tmp_path)


def spans(dataset: Dataset, indices: np.ndarray, label: str) -> list[tuple[float, float]]:
    return [s.span for s in (dataset.samples[int(i)] for i in indices) if s.label == label]


def test_the_value_held_out_is_in_no_other_part(rig: Dataset) -> None:
    split = leave_out(rig, protocol_of(rig, "load"), "1")
    seen = [split.dataset.samples[int(i)] for i in [*split.train, *split.val]]
    assert {s.conditions["load"] for s in seen if s.label != "normal"} == {"0", "2"}
    held = [split.dataset.samples[int(i)] for i in split.test]
    assert {s.conditions["load"] for s in held if s.label != "normal"} == {"1"}


def test_a_lone_recording_is_cut_by_time_and_the_protocol_says_so(rig: Dataset) -> None:
    protocol = protocol_of(rig, "load")
    split = leave_out(rig, protocol, "1")
    assert "normal cut by time" in split.protocol
    assert spans(split.dataset, split.test, "normal") == [pytest.approx((1 / 3, 2 / 3))]
    left, right = sorted(spans(split.dataset, split.train, "normal"))
    assert left[1] <= 1 / 3 + 1e-9
    assert right[0] >= 2 / 3 - 1e-9


def test_thresholds_are_chosen_on_stretches_that_did_not_train(rig: Dataset) -> None:
    split = leave_out(rig, protocol_of(rig, "load"), "1")
    assert set(spans(split.dataset, split.train, "inner")) == {(0.0, 0.75)}
    assert set(spans(split.dataset, split.val, "inner")) == {(0.75, 1.0)}


def test_a_pattern_takes_the_value_out_of_a_name(rig: Dataset) -> None:
    protocol = protocol_of(rig, r"bearing~(\d+)$")
    assert protocol.values == ("007", "014", "021")
    assert protocol.by_time == ("normal",)


def test_choices_see_nothing_of_the_held_out_value(rig: Dataset) -> None:
    rest, inner = without(rig, protocol_of(rig, "load"), "2")
    assert inner.values == ("0", "1")
    assert {s.conditions["load"] for s in rest.samples if s.label != "normal"} == {"0", "1"}
    tested = (2 / 3, 1.0)
    normal = [s.span for s in rest.samples if s.label == "normal"]
    assert all(stop <= tested[0] + 1e-9 for _, stop in normal)
    assert set(spans(rest, np.arange(len(rest.samples)), "inner")) == {(0.0, 1.0)}


@pytest.mark.parametrize(
    ("text", "said"),
    [("lod", "load"), ("bearing~(", "pattern"), (r"bearing~\d", "parentheses")],
)
def test_a_wrong_condition_is_answered(rig: Dataset, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        protocol_of(rig, text)


def test_choices_are_every_combination() -> None:
    assert choices_of(["features=both,raw", "level=shape"]) == [
        {"features": "both", "level": "shape"},
        {"features": "raw", "level": "shape"},
    ]
    with pytest.raises(ConfigError, match="OPTION=A,B"):
        choices_of(["features"])


def test_the_defects_of_a_detector_are_tested_under_their_value_and_train_nothing(
    rig: Dataset,
) -> None:
    config = rig.config.model_copy(update={"task": "vibration-anomaly"})
    detector = replace(rig, config=config)
    split = leave_out(detector, protocol_of(detector, "load"), "1")
    assert {split.dataset.samples[int(i)].label for i in [*split.train, *split.val]} == {"normal"}
    held = [split.dataset.samples[int(i)] for i in split.test]
    assert {(s.label, s.conditions["load"]) for s in held} == {
        ("inner", "1"), ("outer", "1"), ("normal", "0")
    }  # fmt: skip


@pytest.mark.slow
def test_crossval_reports_each_value_by_both_networks_and_writes_the_samples(
    rig: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["crossval", str(rig.root), "--leave-out", "bearing~(007|014)$", "--epochs", "1"]
    assert main([*command, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "leave one bearing out (007, 014); normal cut by time" in said
    assert "window_accuracy" in said
    assert "float minus int8" in said
    document = json.loads((out / "leave_out.json").read_text())
    assert set(document["int8"]["figures"]) == set(document["figures"])
    with (out / "out_of_fold.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert sorted({row["path"] for row in rows}) == [
        "inner0.npz", "inner1.npz", "normal0.npz", "outer0.npz", "outer1.npz"
    ]  # fmt: skip
    float_right = [row["predicted"] == row["label"] for row in rows]
    int8_right = [row["int8_predicted"] == row["label"] for row in rows]
    figures = (document["figures"]["accuracy"], document["int8"]["figures"]["accuracy"])
    assert figures[0]["value"] == pytest.approx(np.mean(float_right), abs=1e-4)
    assert figures[1]["value"] == pytest.approx(np.mean(int8_right), abs=1e-4)


@pytest.mark.slow
def test_a_detector_is_judged_by_its_verdicts_on_every_value(rig: Dataset, tmp_path: Path) -> None:
    table = rig.root / "dataset.toml"
    table.write_text(table.read_text().replace("vibration-class", "vibration-anomaly"))
    config = FitConfig(model="mahalanobis")
    document = run_leave_out(rig.root, config, "load", [{}], tmp_path, SilentProgress(), int8=False)
    with (tmp_path / "out_of_fold.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows].count("inner") == 3
    right = {
        value: np.mean(
            [
                row["verdict"] == ("PASS" if row["label"] == "normal" else "FAIL")
                for row in rows
                if row["fold"] == value
            ]
        )
        for value in "012"
    }
    assert {one["held_out"]: one["verdict_accuracy"] for one in document["folds"]} == (
        pytest.approx(right, abs=1e-4)
    )
    with pytest.raises(ConfigError, match="good parts alone cannot tell"):
        run_leave_out(
            rig.root, config, "load", [{}, {"posture": False}], tmp_path, SilentProgress()
        )
