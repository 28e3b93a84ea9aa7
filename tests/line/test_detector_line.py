"""A detector goes through the four programs as a user calls them: good parts in, verdicts out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.model.bundle import read_bundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FIT = """\
[image]
size_px = 96
"""


def call(*words: str | Path, ok: tuple[int, ...] = (0,)) -> str:
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in ok, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def rings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty good rings to learn from, twelve good and twelve broken ones, of several sizes."""
    root = tmp_path_factory.mktemp("rings")
    random = np.random.default_rng(0)
    for folder, count in (("train/good", 60), ("test/good", 12), ("test/broken", 12)):
        (root / folder).mkdir(parents=True)
        for number in range(count):
            side = int(random.integers(100, 160))
            coarse = random.integers(120, 250, (5, 5, 3)).astype(np.uint8)
            image = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
            cv2.circle(image, (side // 2, side // 2), side // 3, (80, 70, 60), side // 10)
            if folder.endswith("broken"):
                place = (side // 2 + int(random.integers(-9, 9)), side // 6)
                cv2.circle(image, place, side // 7, (0, 0, 255), -1)
            noisy = image + random.normal(0, 4, image.shape)
            cv2.imwrite(str(root / folder / f"{number}.png"), np.clip(noisy, 0, 255))
    (root / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    return root


def test_a_detector_becomes_a_bundle_that_judges(rings: Path, tmp_path: Path) -> None:
    run, bundle = tmp_path / "run", tmp_path / "rings.bundle"
    (tmp_path / "fit.toml").write_text(FIT)
    words = ["--model", "padim", "--weights", "none", "--config", tmp_path / "fit.toml"]
    call("trainer", "fit", rings, "--out", run, *words)
    converted = json.loads(call("quantize", "convert", run, "--out", bundle, "--json"))
    assert converted["variant"] == "int8"
    call("quantize", "compare", run, bundle)
    verified = json.loads(call("quantize", "verify", bundle, "--json"))
    assert verified["n"] >= 6
    paths = [rings / "test" / "good" / "0.png", rings / "test" / "broken" / "0.png"]
    said = call("edge_agent", "predict", bundle, *paths, "--json", ok=(0, 3)).splitlines()
    scores = [json.loads(line)["score"] for line in said]
    assert scores[1] > scores[0]
    assert bundle.stat().st_size < 4e6
    inputs, outputs = read_bundle(bundle).manifest.inputs, read_bundle(bundle).manifest.outputs
    assert inputs[0].dtype == "uint8"
    assert [one.dtype for one in outputs] == ["float32", "float32"]
