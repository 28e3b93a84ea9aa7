from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from trainer.data.image.thumbnails import MOST, SIDE_PX, thumbnail, thumbnails
from trainer.data.load import load_dataset


def test_a_thumbnail_keeps_proportions_and_colours() -> None:
    red = np.zeros((300, 600, 3), np.uint8)
    red[:, :, 0] = 200
    shown = cv2.imdecode(np.frombuffer(thumbnail(red), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (SIDE_PX // 2, SIDE_PX, 3)
    blue, green, seen = shown.reshape(-1, 3).mean(axis=0)
    assert abs(seen - 200) < 4 > max(blue, green)


def test_a_small_picture_is_not_enlarged() -> None:
    shown = cv2.imdecode(np.frombuffer(thumbnail(np.zeros((9, 7, 3), np.uint8)), np.uint8), 1)
    assert shown.shape == (9, 7, 3)


def test_a_picture_of_noise_stays_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    assert len(thumbnail(noise)) < 16_000


def test_number_is_bounded_and_a_picture_is_taken_once(plates: Path) -> None:
    dataset = load_dataset(plates)
    paths = [sample.path for sample in dataset.samples]
    found = thumbnails(dataset, [paths[0], *paths])
    assert list(found.jpegs) == paths[:MOST]
    assert base64.b64decode(found.jpegs[paths[0]]).startswith(b"\xff\xd8")
