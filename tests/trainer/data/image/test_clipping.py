"""What of good pictures is black or white: as the camera gave it, and by the preparation."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.image.input import ImageInput
from trainer.__main__ import main
from trainer.data.image.clipping import MOST_CLIPPED, clipping_of
from trainer.data.load import load_dataset

SIDE_PX = 64
OUTLIERS = 16
"""Values far above all others in each frame: standardising drives them to 255."""


def write_parts(root: Path) -> Path:
    """Three good frames: a quarter white, an eighth black, two greys beside a few bright values.
    The bad frame is white all over.
    """
    for label in ("bad", "ok"):
        (root / label).mkdir(parents=True)
    for number in range(3):
        frame = np.full((SIDE_PX, SIDE_PX, 3), 100, np.uint8)
        frame[::2] = 140
        frame[number, :OUTLIERS] = 250
        if number == 0:
            frame[:16], frame[16:24] = 255, 0
        cv2.imwrite(str(root / "ok" / f"{number}.png"), frame)
    cv2.imwrite(str(root / "bad" / "0.png"), np.full((SIDE_PX, SIDE_PX, 3), 255, np.uint8))
    (root / "dataset.toml").write_text('task = "image-class"\ngood = ["ok"]\n')
    return root


def spec(*, standardise: bool) -> ImageInput:
    return ImageInput(
        width_px=SIDE_PX, height_px=SIDE_PX, standardise=standardise, most_clipped=MOST_CLIPPED
    )


def test_frames_and_preparation_are_counted_apart(tmp_path: Path) -> None:
    dataset = load_dataset(write_parts(tmp_path))
    every = np.arange(len(dataset.samples))
    found = clipping_of(dataset, every, spec(standardise=True))
    assert found is not None
    assert (found.n, found.good) == (3, True)
    assert found.white == pytest.approx(0.25 / 3)
    assert found.black == pytest.approx(0.125 / 3)
    # The first frame's ends were clipped before; in the others the outliers are by preparation.
    assert found.prepared == pytest.approx(2 / 3 * OUTLIERS / SIDE_PX**2)


def test_what_is_not_standardised_clips_nothing(tmp_path: Path) -> None:
    dataset = load_dataset(write_parts(tmp_path))
    found = clipping_of(dataset, np.arange(4), spec(standardise=False))
    assert found is not None
    assert found.prepared == 0.0


def test_no_picture_gives_no_share(tmp_path: Path) -> None:
    dataset = load_dataset(write_parts(tmp_path))
    assert clipping_of(dataset, np.flatnonzero(dataset.is_bad()), spec(standardise=True)) is None


def test_check_prints_both_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(write_parts(tmp_path))
    main(["check", root])
    printed = capsys.readouterr().out
    assert "light    3 good pictures: 8.3% of the values are at 255 and 4.2% at 0" in printed
    assert "needs less light" in printed
    main(["check", root, "--json"])
    assert json.loads(capsys.readouterr().out)["light"]["white"] == pytest.approx(0.25 / 3)


def test_a_file_that_cannot_be_read_is_a_fault_and_no_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_parts(tmp_path)
    (root / "ok" / "0.png").write_bytes(b"")
    assert main(["check", str(root)]) == 3
    assert "light    2 good pictures: 0.0% of the values" in capsys.readouterr().out
