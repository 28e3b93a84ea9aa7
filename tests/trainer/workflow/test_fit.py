"""The whole fit through the command line, on drawn plates and synthetic recordings."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, RunError, StorageError
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.image.input import ImageInput, prepare_image
from edge_agent.contracts.model.scoring import judge
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording
from edge_agent.contracts.vibration.recordings import read_recording
from trainer.__main__ import main
from trainer.run_folder.run import open_fitted_run
from trainer.run_folder.target import refuse_existing, slug

FILES = {
    "config.toml",
    "model.keras",
    "spec.json",
    "provenance.json",
    "splits.csv",
    "validation.csv",
    "predictions.csv",
    "metrics.json",
    "history.csv",
    "calibration.npz",
    "heldout.npz",
    "golden",
    "report.html",
    "card.md",
}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def predicted_by(run: Path, inputs: np.ndarray) -> np.ndarray:
    import keras

    network = keras.saving.load_model(run / "model.keras", compile=False)
    return np.asarray(network(inputs.astype(np.float32)), np.float32)


@pytest.mark.parametrize("name", ["plates_run", "machines_run"])
def test_a_run_is_whole_and_nothing_else_is_left(name: str, request: pytest.FixtureRequest) -> None:
    run: Path = request.getfixturevalue(name)
    shown = {"explained"} if name == "plates_run" else set()
    assert {path.name for path in run.iterdir()} == FILES | shown
    left = {path.name for path in run.parent.glob(f"*{run.name}*") if path.is_dir()}
    assert left == {run.name}


def test_the_network_learns_to_see_scratches(plates_run: Path) -> None:
    held = open_fitted_run(plates_run).metrics.held_out
    assert held.auroc is not None
    assert held.auroc.value > 0.9


def test_the_network_learns_to_hear_knocks(machines_run: Path) -> None:
    held = open_fitted_run(machines_run).metrics.held_out
    assert held.window_accuracy is not None
    assert held.accuracy is not None
    assert held.window_accuracy.value > 0.9
    assert held.accuracy.n == 5


@pytest.mark.parametrize("name", ["plates_run", "machines_run"])
def test_predictions_are_what_the_saved_network_says_of_the_held_out_inputs(
    name: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    run = open_fitted_run(path)
    inputs, owners = run.held_out.inputs, run.held_out.row
    outputs = predicted_by(path, inputs)
    for row in run.predictions:
        mine = outputs[owners == row.row]
        judgement = judge(mine, run.spec.labels, run.spec.good, run.spec.scoring)
        assert judgement.score == pytest.approx(row.score, abs=1e-4)
        assert judgement.label == row.predicted
        logits = np.array([row.logits[label] for label in run.spec.labels])
        shares = np.exp(logits - logits.max())
        np.testing.assert_allclose(shares / shares.sum(), judgement.probabilities, atol=1e-4)


def test_held_out_images_are_prepared_by_the_contract(plates: Path, plates_run: Path) -> None:
    run = open_fitted_run(plates_run)
    inputs, owners = run.held_out.inputs, run.held_out.row
    assert isinstance(run.spec.input, ImageInput)
    assert inputs.dtype == np.uint8
    row = run.predictions[int(owners[0])]
    expected = prepare_image(read_image(plates / row.path), run.spec.input)
    np.testing.assert_array_equal(inputs[0], expected)


def test_held_out_windows_are_prepared_by_the_contract(machines: Path, machines_run: Path) -> None:
    run = open_fitted_run(machines_run)
    inputs, owners = run.held_out.inputs, run.held_out.row
    spec = run.spec.input
    assert isinstance(spec, VibrationInput)
    row = next(row for row in run.predictions if row.label == "knock")
    recording = read_recording(machines / row.path, ["acc"], 2000.0, "g")
    expected = prepare_recording(recording, spec)
    np.testing.assert_array_equal(inputs[owners == row.row], expected)


def test_calibration_inputs_come_from_training_samples_of_every_class(
    plates: Path, plates_run: Path
) -> None:
    run = open_fitted_run(plates_run)
    assert isinstance(run.spec.input, ImageInput)
    with np.load(plates_run / "calibration.npz") as content:
        inputs = content["inputs"]
    known: dict[bytes, str] = {}
    for row in rows_of(plates_run / "splits.csv"):
        tensor = prepare_image(read_image(plates / row["path"]), run.spec.input)
        known[tensor.tobytes()] = f"{row['split']} {row['label']}"
    assert {known[image.tobytes()] for image in inputs} == {"train ok", "train scratch"}


def test_splits_hold_every_sample_once_and_whole_groups(plates_run: Path) -> None:
    rows = rows_of(plates_run / "splits.csv")
    assert len({row["path"] for row in rows}) == len(rows) == 60
    pairs = {(row["group"], row["split"]) for row in rows}
    assert len(pairs) == len({group for group, _ in pairs}) == 20


def test_a_recording_cut_by_time_says_where(machines_run: Path) -> None:
    rows = [r for r in rows_of(machines_run / "splits.csv") if r["path"] == "healthy.npz"]
    assert {row["split"] for row in rows} == {"train", "val", "test"}
    spans = sorted((float(row["start"]), float(row["stop"])) for row in rows)
    assert spans[0][1] < spans[1][0] < spans[1][1] < spans[2][0]


@pytest.mark.parametrize("name", ["plates_run", "machines_run"])
def test_golden_files_can_be_judged_and_hold_good_and_bad(
    name: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(name) / "golden"
    run = open_fitted_run(folder.parent)
    entries = json.loads((folder / "golden.json").read_text())
    assert {entry["label"] for entry in entries} == set(run.spec.labels)
    assert len(entries) <= 8
    for entry in entries:
        if isinstance(run.spec.input, ImageInput):
            inputs = prepare_image(read_image(folder / entry["file"]), run.spec.input)[None]
        else:
            recording = read_recording(folder / entry["file"], entry["axes"], entry["rate_hz"])
            inputs = prepare_recording(recording, run.spec.input)  # type: ignore[arg-type]
        assert inputs.shape[1:] == run.spec.input.shape


def test_the_configuration_is_resolved(plates: Path, plates_run: Path) -> None:
    config = open_fitted_run(plates_run).config
    assert config.dataset == str(plates.resolve())
    assert (config.model, config.epochs, config.batch) == ("cnn", 6, 8)
    assert config.learning_rate > 0
    assert config.group == "plate"


def test_the_report_is_one_file_that_loads_nothing(plates_run: Path, machines_run: Path) -> None:
    for run in (plates_run, machines_run):
        text = (run / "report.html").read_text()
        outside = re.findall(r'(?:src|href)="(?!data:|#)([^"]+)"|url\((?!#)([^)]+)\)|@import', text)
        assert outside == []
        assert "<script" not in text
        for heading in ("Figures on held-out", "Worst mistakes", "Training", "What was not tested"):
            assert heading in text


def test_the_card_names_protocol_figures_and_limits(plates_run: Path) -> None:
    card = (plates_run / "card.md").read_text()
    assert card.startswith("---\n")
    for text in ("groups by 'plate'", "AUROC", "95 % interval", "## Not tested", "majority"):
        assert text in card


def test_the_report_can_be_written_again(
    plates_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(plates_run, tmp_path / "plates_run"))  # others read the fixture
    before = (run / "report.html").read_text()
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_text() == before
    assert capsys.readouterr().out.strip() == str(run / "report.html")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(plates: Path) -> None:
    from trainer.config.fit import FitConfig
    from trainer.data.load import load_dataset
    from trainer.data.split import plan_split
    from trainer.workflow.experiment import run_experiment

    config = FitConfig.model_validate(
        {"seed": 5, "epochs": 1, "weights": "none", "image": {"size_px": 24}}
    )
    split = plan_split(load_dataset(plates), config)
    first, again = (
        run_experiment(split, config, "plates").fitted.model.get_weights() for _ in range(2)
    )
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_evaluate_leaves_out_what_the_run_was_fitted_on(
    plates: Path, plates_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "rows.csv"
    verb = ["evaluate", str(plates_run), str(plates), "--json", "--predictions", str(table)]
    assert main(verb) == 0
    summary = json.loads(capsys.readouterr().out)
    held = open_fitted_run(plates_run)
    assert summary["left_out"] == 60 - len(held.predictions)
    assert held.metrics.held_out.accuracy is not None
    assert summary["figures"]["accuracy"]["value"] == held.metrics.held_out.accuracy.value
    said = {row["path"]: row["verdict"] for row in rows_of(table)}
    assert said == {one.path: one.verdict for one in held.predictions}


def test_evaluate_refuses_another_kind_of_data(
    machines: Path, plates_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(plates_run), str(machines)]) == 1
    assert "holds vibration data, the run takes image" in capsys.readouterr().err


def test_evaluate_refuses_labels_the_run_never_saw(
    images,  # type: ignore[no-untyped-def]
    plates_run: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", str(plates_run), str(images({"ok": 1, "dent": 1}))]) == 1
    assert "label 'dent' is unknown to the run, which has ok, scratch" in capsys.readouterr().err


def test_an_existing_run_is_kept_unless_forced(
    plates: Path, plates_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(plates), "--out", str(plates_run)]) == 2
    assert "this run exists: name another with --out, or add --force" in capsys.readouterr().err
    refuse_existing(plates_run, force=True)


def test_a_folder_that_is_no_run_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ConfigError, match="exists and is no run"):
        refuse_existing(tmp_path, force=True)


def write_pump(root: Path) -> Path:
    """Rows of two tags that go together, and part in the last sixth: a fit without epochs."""
    root.mkdir()
    flow, noise = np.random.default_rng(1).normal(size=(2, 360))
    apart = np.arange(360) >= 300
    rows = zip(flow, np.where(apart, -1, 1) * flow + 0.2 * noise, apart, strict=True)
    lines = [f"{one:.3f},{other:.3f},{'fault' if bad else 'normal'}" for one, other, bad in rows]
    (root / "pump.csv").write_text("\n".join(["flow,current,state", *lines]) + "\n")
    (root / "dataset.toml").write_text(
        'task = "tabular-anomaly"\ngood = ["normal"]\n'
        '[tabular]\nfile = "pump.csv"\nlabel = "state"\n'
    )
    return root


def test_an_interrupted_fit_leaves_no_half_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(folder: Path, experiment: object) -> None:
        assert (folder / "spec.json").is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr("trainer.workflow.publish.write_golden", interrupt)
    fit = ["fit", str(write_pump(tmp_path / "pump")), "--out", str(tmp_path / "runs" / "run")]
    assert main(fit) == 130
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_without_its_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(RunError, match=r"spec\.json: is missing"):
        open_fitted_run(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(plates_run: Path, tmp_path: Path) -> None:
    from trainer.workflow.publish import publish_run

    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        publish_run(tmp_path / "file" / "run", None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Gear Box №1", "gear-box-no1"),
        ("Gußteil Größe 3", "gussteil-grosse-3"),
        ("--", "model"),
        ("a" * 99, "a" * 63),
    ],
)
def test_names_become_what_manifests_accept(text: str, name: str) -> None:
    assert slug(text) == name
