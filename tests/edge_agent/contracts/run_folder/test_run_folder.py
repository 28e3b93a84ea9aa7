"""A run written through the contract is read back the same, and damage is named."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.errors import RunError
from edge_agent.contracts.run_folder import files, write
from edge_agent.contracts.run_folder.consistency import open_consistent_run
from edge_agent.contracts.run_folder.files import csv_bytes, document_bytes, read_table
from edge_agent.contracts.run_folder.golden import GoldenFile
from edge_agent.contracts.run_folder.metrics import HeldOutMetrics, Metric, RunMetrics
from edge_agent.contracts.run_folder.report import filled, place
from edge_agent.contracts.run_folder.rows import (
    Prediction,
    SplitRow,
    read_history,
    read_predictions,
    read_splits,
)
from edge_agent.contracts.run_folder.run import open_run
from tests.run_folders import write_image_run

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(TEXT, TEXT, st.floats(0, 1)), max_size=5))
def test_predictions_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str, float]]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    rows = [
        Prediction(n, path, label, label, round(score, 8), "FAIL", {label: 1.5}, 0.25, 0.5)
        for n, (path, label, score) in enumerate(cells)
    ]
    labels = {row.label for row in rows}
    rows = [
        Prediction(
            r.row, r.path, r.label, r.predicted, r.score, r.verdict, dict.fromkeys(labels, 1.5)
        )
        for r in rows
    ]
    write.write_predictions(folder, rows)
    assert read_predictions(folder / files.PREDICTIONS, finite=True) == rows


def test_an_interval_and_a_cut_recording_survive(tmp_path: Path) -> None:
    foretold = Prediction(0, "log.csv#3", "12.5", "cycles", 11.0, "PASS", {"score": 1}, 9.0, 14.0)
    write.write_predictions(tmp_path, [foretold])
    (read,) = read_predictions(tmp_path / files.PREDICTIONS, finite=False)
    assert read == foretold
    assert read.true_value == 12.5
    gated = [
        Prediction(0, "a", "ok", "normal", 1.0, "PASS"),
        Prediction(1, "b", "ok", "anomaly", 9.0, "NO-VERDICT", needs_baseline="alarm"),
    ]
    write.write_predictions(tmp_path, gated)
    assert read_predictions(tmp_path / files.PREDICTIONS, finite=True) == gated
    text = (tmp_path / files.PREDICTIONS).read_text()
    (tmp_path / files.PREDICTIONS).write_text(text.replace(",alarm", ",never"))
    with pytest.raises(RunError, match="row 2: needs_baseline 'never'"):
        read_predictions(tmp_path / files.PREDICTIONS, finite=True)
    rows = [SplitRow("a.wav", "ok", "m1", "train", 0.0, 0.4), SplitRow("b.wav", "ok", "", "")]
    write.write_splits(tmp_path, rows)
    assert read_splits(tmp_path / files.SPLITS) == rows


def test_a_metric_that_is_no_number_does_not_lose_the_run(tmp_path: Path) -> None:
    folder = write_image_run(tmp_path / "run")
    run = open_run(folder)
    rows = {"ok": run.metrics.per_class["ok"].model_copy(update={"f1": math.nan})}
    metrics = run.metrics.model_copy(update={"per_class": rows})
    write.write_documents(folder, run.spec, run.provenance, metrics)
    assert math.isnan(open_run(folder).metrics.per_class["ok"].f1)
    assert HeldOutMetrics.of({"auroc": Metric(math.nan, (0, 1), 0, "")}).present() == {}


def test_metrics_are_read_as_they_were_written(tmp_path: Path) -> None:
    metrics = open_run(write_image_run(tmp_path / "run")).metrics
    payload = document_bytes(metrics, exclude_none=True)
    assert RunMetrics.model_validate_json(payload) == metrics


def test_history_keeps_gaps_as_nan(tmp_path: Path) -> None:
    write.write_history(tmp_path, [{"epoch": 1, "loss": 0.5, "val_loss": ""}])
    history = read_history(tmp_path / files.HISTORY)
    assert history["loss"].tolist() == [0.5]
    assert np.isnan(history["val_loss"]).all()
    write.write_history(tmp_path, [])
    assert read_history(tmp_path / files.HISTORY) == {}


def test_other_verdicts_stay_in_memory(tmp_path: Path) -> None:
    run = open_run(write_image_run(tmp_path / "run"))
    again = run.with_verdicts(run.spec, run.metrics, run.predictions[:3])
    assert len(again.predictions) == 3
    assert open_run(run.path).predictions == run.predictions


def overwritten(name: str, payload: bytes) -> Callable[[Path], object]:
    return lambda run: (run / name).write_bytes(payload)


def removed(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (removed("spec.json"), "spec.json: is missing"),
        (removed("metrics.json"), "metrics.json: is missing"),
        (overwritten("predictions.csv", b""), "predictions.csv: is empty"),
        (overwritten("predictions.csv", b"\xff\xfe\x00"), "predictions.csv: is no table"),
        (overwritten("predictions.csv", b"sample,path\n1,a\n"), "has no column 'label'"),
        (
            overwritten(
                "predictions.csv", b"sample,path,label,predicted,score,verdict\n0,a,b,c,nan,PASS\n"
            ),
            "row 1: score 'nan' is no finite number",
        ),
        (
            overwritten(
                "predictions.csv", b"sample,path,label,predicted,score,verdict\n0,a,b,c,1,MAYBE\n"
            ),
            "row 1: verdict 'MAYBE'",
        ),
        (overwritten("metrics.json", b"[" * 200_000), "metrics.json: "),
        (overwritten("metrics.json", b'{"task": 3}'), "metrics.json: task: "),
        (overwritten("heldout.npz", b"PK\x05\x06" + bytes(18)), "heldout.npz: is no readable .npz"),
        (overwritten("calibration.npz", b"junk"), "calibration.npz: is no readable .npz"),
        (overwritten("model.keras", b""), "model.keras: is empty"),
    ],
)
def test_damage_is_named_with_file_and_cure(
    spoil: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    folder = write_image_run(tmp_path / "run")
    open_consistent_run(folder)
    spoil(folder)
    with pytest.raises(RunError) as found:
        open_consistent_run(folder)
    assert message in str(found.value)
    assert str(folder) in found.value.where
    assert found.value.cure == "fit again with lineside-train fit"


def test_a_leaked_calibration_set_is_refused(tmp_path: Path) -> None:
    folder = write_image_run(tmp_path / "run")
    write.write_calibration(folder, open_run(folder).held_out.inputs[:7])
    with pytest.raises(RunError, match="7 of 7 calibration samples are held-out samples"):
        open_consistent_run(folder)


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "a/b.png", "x\0.png"])
def test_a_golden_file_lies_in_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match=r"outside of golden/"):
        GoldenFile(file=name, label="ok")


def test_a_table_of_no_rows_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(csv_bytes([]))
    assert read_table(tmp_path / "x.csv", ("path",)) == []


def test_the_comparison_takes_its_place_in_the_report() -> None:
    report = f"<body>A{place('acceptance', 'none')}B{place('comparison')}C</body>"
    once = filled(report, "acceptance", "<p>8 bit</p>")
    assert once == filled(once, "acceptance", "<p>8 bit</p>")
    assert once.index("A") < once.index("8 bit") < once.index("B")
    assert "none" not in once
    both = filled(once, "comparison", "<p>flips</p>")
    assert both.index("B") < both.index("flips") < both.index("C")


def test_a_report_of_another_make_gets_the_comparison_at_its_end() -> None:
    assert filled("<body>A</body>", "comparison", "<p>B</p>") == "<body>A<p>B</p>\n</body>"
    assert filled("<body>A</body>", "next step", "<p>B</p>") == "<body>A</body>"
