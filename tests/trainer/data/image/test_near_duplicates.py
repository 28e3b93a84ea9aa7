from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.simulator.scene import render
from trainer.data.image.picture_match import Duplicate, connect, find_near_duplicates, fingerprint

EACH = 2
"""Parts that are copied in one way; each part is copied once, so that no copy hides another."""


def part(seed: int) -> np.ndarray:
    """Parts of one kind: the same rings, with their own grain, scratches and pits."""
    rng = np.random.default_rng(seed)
    canvas = np.full((200, 200), 90, np.uint8)
    for radius, tone in ((88, 200), (60, 60), (52, 170), (30, 40)):
        cv2.circle(canvas, (100, 100), radius, tone, -1, cv2.LINE_AA)
    for _ in range(14):
        x, y = rng.integers(20, 180, 2).tolist()
        dx, dy = rng.integers(-18, 18, 2).tolist()
        tone = int(rng.integers(0, 255))
        cv2.line(canvas, (x, y), (x + dx, y + dy), tone, int(rng.integers(1, 4)), cv2.LINE_AA)
    grain = cv2.GaussianBlur(rng.normal(0, 30, (200, 200)), (0, 0), 1.5)
    grey = np.clip(canvas + grain, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((99.5, 99.5), degrees, 1.0)
    return cv2.warpAffine(image, matrix, (200, 200), borderMode=cv2.BORDER_REFLECT)


def turned_about_its_middle(image: np.ndarray) -> np.ndarray:
    """A picture that is wider than high, turned by an angle that no symmetry has."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 37, 1.0)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


VARIANTS = {
    "same": lambda image: image.copy(),
    "quarter turn": lambda image: np.ascontiguousarray(np.rot90(image)),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "5 degrees": lambda image: turned(image, 5),
    "137 degrees": lambda image: turned(image, 137),
    "brighter": lambda image: np.clip(image * 1.1 + 8, 0, 255).astype(np.uint8),
    "jpeg 50": lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [1, 50])[1], 1),
    "half size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=3),
    "stretched": lambda image: cv2.resize(turned(image, 30), (200, 180)),
}


COUNT = EACH * len(VARIANTS)
CROPPED = 3


@pytest.fixture(scope="module")
def groups() -> np.ndarray:
    """(2, variants, EACH): the groups of the parts, and those of their copies."""
    parts = [part(seed) for seed in range(COUNT)]
    ways = np.repeat(list(VARIANTS), EACH)
    planted = [VARIANTS[way](image) for way, image in zip(ways, parts, strict=True)]
    found = connect(2 * COUNT, find_near_duplicates(fingerprint(parts + planted)))
    return found.reshape(2, len(VARIANTS), EACH)


def test_different_parts_of_one_kind_are_no_duplicates(groups: np.ndarray) -> None:
    assert len(np.unique(groups[0])) == COUNT


@pytest.mark.parametrize("name", VARIANTS)
def test_planted_copies_are_found(name: str, groups: np.ndarray) -> None:
    way = list(VARIANTS).index(name)
    assert (groups[0, way] == groups[1, way]).all()


def test_planted_crops_are_found_wherever_they_were_cut() -> None:
    parts = [part(seed) for seed in range(3 * CROPPED)]
    planted = [np.ascontiguousarray(image[12:192, 8:188]) for image in parts[:CROPPED]]
    planted += [np.ascontiguousarray(i[20:200, 2:182]) for i in parts[CROPPED : 2 * CROPPED]]
    groups = connect(5 * CROPPED, find_near_duplicates(fingerprint(parts + planted)))
    assert (groups[: 2 * CROPPED] == groups[3 * CROPPED :]).all()
    assert len(np.unique(groups)) == 3 * CROPPED


def test_simulated_parts_of_one_design_stay_apart_and_their_copies_are_found() -> None:
    count = 16
    images = [render(11, k, 320, 240) for k in range(count)]
    kinds = ("quarter turn", "mirrored", "brighter", "jpeg 50")
    planted = [VARIANTS[kind](image) for kind in kinds for image in images[:3]]
    planted += [turned_about_its_middle(image) for image in images[:3]]
    groups = connect(count + len(planted), find_near_duplicates(fingerprint(images + planted)))
    assert len(np.unique(groups[:count])) == count
    assert (groups[count:] == np.tile(groups[:3], len(kinds) + 1)).all()


def test_copies_of_copies_share_a_group() -> None:
    assert connect(4, [Duplicate(0, 1, 1.0), Duplicate(1, 3, 1.0)]).tolist() == [0, 0, 1, 0]


def test_a_flat_picture_has_no_duplicate() -> None:
    flat = [np.full((50, 60, 3), tone, np.uint8) for tone in (0, 128, 255)]
    assert find_near_duplicates(fingerprint(flat)) == []
