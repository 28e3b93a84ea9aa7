"""The image benchmark runs from pictures to rows of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.image import main


def _bottles(root: Path) -> Path:
    """Thirty good rings to train on, six good and six broken ones to judge."""
    rng = np.random.default_rng(0)
    for folder, count in (("train/good", 30), ("test/good", 6), ("test/broken", 6)):
        (root / folder).mkdir(parents=True)
        for number in range(count):
            image = np.full((64, 64, 3), 230, np.uint8)
            cv2.circle(image, (32, 32), 24, (80, 70, 60), 6)
            if folder.endswith("broken"):
                cv2.circle(image, (32 + int(rng.integers(-6, 6)), 9), 6, (250, 40, 40), -1)
            noisy = image + rng.normal(0, 3, image.shape)
            cv2.imwrite(str(root / folder / f"{number}.png"), np.clip(noisy, 0, 255))
    (root / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    return root


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_quick_run_prints_rows_with_what_they_are_meant_to_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _bottles(tmp_path / "mvtec_bottle")
    arguments = ["--weights", "none", "--quick", "--only", "bottle_good_only", "--only"]
    assert main([str(tmp_path), *arguments, "neu_surface"]) == 0
    out = capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(out.out.splitlines()[-1])["rows"]}
    assert rows["bottle_good_only auroc int8"]["reach"] == 1.0
    assert rows["bottle_good_only auroc int8"]["n"] == 12
    assert rows["bottle_good_only model"]["value"] > 0
    assert "no neu_surface" in out.err
