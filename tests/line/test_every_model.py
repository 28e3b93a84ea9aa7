"""Every model goes through the commands as a user calls them, from `fit` to `verify`.

What is learnt from random weights is worth little; here the way counts, not the figures.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import quantize.__main__
import trainer.__main__
from trainer.models.architectures import architectures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TASKS = {name: row.tasks[0] for name, row in architectures().items()}
LONG = {"padim", "patchcore", "auto-anomaly"}
"""They are told to keep the aspect of the pictures; a classifier does so by itself, or may not."""

RATE_HZ = 2000
GATE_FAILED = 4
"""`convert`: nothing holds the gate, which random weights may well come to."""


def pictures(root: Path, *, good_only: bool) -> Path:
    """24 good plates and 12 with a dark crack, twice as tall as wide."""
    random = np.random.default_rng(1)
    for number in range(36):
        plate = random.normal(150, 8, (96, 48, 3))
        if number % 3 == 0:
            cv2.line(plate, (20, 20), (34, 60), (40, 40, 40), 3)
        split = "test" if number % 3 == 0 or number > 26 else "train"
        label = "crack" if number % 3 == 0 else "good"
        folder = root / split / label if good_only else root / label
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number:02}.png"), np.clip(plate, 0, 255).astype(np.uint8))
    return root


def recordings(root: Path) -> Path:
    """18 normal recordings of 2 s and 9 of a machine that rattles."""
    random = np.random.default_rng(2)
    times = np.arange(2 * RATE_HZ) / RATE_HZ
    for number in range(27):
        label = "worn" if number % 3 == 0 else "normal"
        signal = np.sin(2 * np.pi * 30 * times) + random.normal(0, 0.2, len(times))
        if label == "worn":
            signal += 1.5 * np.sin(2 * np.pi * 400 * times)
        (root / label).mkdir(parents=True, exist_ok=True)
        np.savez(root / label / f"{number:02}.npz", x=signal, fs=float(RATE_HZ))
    return root


def rows(root: Path, task: str) -> Path:
    """400 rows of a pump, of 20 runs each; hot ones are bad, and the wear is to be told."""
    random = np.random.default_rng(3)
    root.mkdir()
    lines = ["run,heat,flow,state,wear"]
    for number in range(400):
        heat, flow = random.normal(60, 3), random.normal(5, 0.3)
        bad = number % 5 == 0
        wear = (number % 20) / 20
        state = "bad" if bad else "ok"
        lines.append(f"{number // 20},{heat + 6 * bad + wear:.3f},{flow:.3f},{state},{wear:.3f}")
    (root / "rows.csv").write_text("\n".join(lines) + "\n")
    is_wear = task == "tabular-regression"
    label = "wear" if is_wear else "state"
    drop = "state" if is_wear else "wear"
    good = "" if is_wear else 'good = ["ok"]\n'
    (root / "dataset.toml").write_text(
        f'task = "{task}"\n{good}group = "run"\n[tabular]\nfile = "rows.csv"\nlabel = "{label}"\n'
        f'exclude = ["{drop}", "run"]\n'
    )
    return root


def made_for(task: str, folder: Path) -> Path:
    """A small data set of the task."""
    root = folder / "set"
    if task.startswith("image"):
        return pictures(root, good_only=task == "image-anomaly")
    if task.startswith("vibration"):
        made = recordings(root)
        (made / "dataset.toml").write_text(f'task = "{task}"\ngood = ["normal"]\n')
        return made
    return rows(root, task)


@pytest.mark.parametrize("name", TASKS)
def test_a_model_goes_from_the_data_to_a_verified_bundle(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run, bundle = made_for(TASKS[name], tmp_path), tmp_path / "run", tmp_path / "x.bundle"
    settings = ["[image]", "size_px = 96"] if TASKS[name].startswith("image") else []
    if name in LONG:
        settings += ["[options]", 'aspect = "kept"']
    (tmp_path / "fit.toml").write_text("\n".join(settings) + "\n")
    words = ["--model", name, "--weights", "none", "--epochs", "2"]
    fitted = ["fit", data, "--out", run, "--config", tmp_path / "fit.toml", *words]
    assert trainer.__main__.main([str(word) for word in fitted]) == 0, capsys.readouterr().err
    assert (run / "report.html").stat().st_size > 20_000
    converted = quantize.__main__.main(["convert", str(run), "--out", str(bundle)])
    assert converted in (0, GATE_FAILED), capsys.readouterr().err
    if converted == 0:
        assert quantize.__main__.main(["verify", str(bundle)]) == 0, capsys.readouterr().err
    if TASKS[name].startswith("image"):
        picture = next(data.rglob("*.png"))
        shown = ["explain", str(run), str(picture), "--out", str(tmp_path / "shown")]
        assert trainer.__main__.main(shown) == 0, capsys.readouterr().err
        assert list((tmp_path / "shown").iterdir())
