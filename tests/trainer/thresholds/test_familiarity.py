"""The gate of familiarity: learnt on drawn parts, tried on other draws and on strange pictures."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from edge_agent.contracts.core.types import Judgement, Tensor, Verdict
from edge_agent.contracts.image.familiarity import (
    STATISTICS,
    Familiarity,
    FamiliarLabel,
    image_statistics,
    sharpness,
)
from trainer.thresholds.familiarity import (
    FALSE_ALARMS,
    WHITE_NOISE,
    fit_familiarity,
    next_bound,
)

SIDE = 64
PASS = Judgement(Verdict.PASS, "ok", 0.1, 0.5)
FAIL = Judgement(Verdict.FAIL, "scratch", 0.9, 0.5)


def part(rng: np.random.Generator, *, scratched: bool = False) -> Tensor:
    """uint8 (1, SIDE, SIDE, 3): a ring near the middle with a camera's noise; maybe a scratch."""
    picture = np.full((SIDE, SIDE), 60 + rng.normal(0, 2), np.float32)
    middle = tuple(int(v) for v in rng.normal(SIDE / 2, 1, 2))
    cv2.circle(picture, middle, 22, 170, -1, cv2.LINE_AA)
    cv2.circle(picture, middle, 9, 70, -1, cv2.LINE_AA)
    if scratched:
        start = tuple(int(v) for v in rng.integers(16, 30, 2))
        cv2.line(picture, start, (start[0] + 18, start[1] + 6), 240, 2)
    noisy = picture[:, :, None] + rng.normal(0, 3, (SIDE, SIDE, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)[None]


def parts(seed: int, count: int, *, scratched: bool = False) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [part(rng, scratched=scratched) for _ in range(count)]


def learnt(good: int = 300, bad: int = 0) -> Familiarity:
    pictures = parts(1, good) + parts(2, bad, scratched=True)
    rows = np.array([image_statistics(tiles) for tiles in pictures])
    labels = ["ok"] * good + ["scratch"] * bad
    return fit_familiarity(rows, labels, [str(n) for n in range(len(labels))], ["ok"])


@pytest.fixture(scope="module")
def gate() -> Familiarity:
    return learnt()


@pytest.fixture(scope="module")
def class_gate() -> Familiarity:
    return learnt(200, 100)


def test_good_parts_that_it_has_not_seen_are_familiar(gate: Familiarity) -> None:
    refused = [gate.fault(tiles, ["ok"]) for tiles in parts(9, 600)]
    assert sum(map(bool, refused)) <= 3 * FALSE_ALARMS * 600


STRANGE: dict[str, Callable[[Tensor], Tensor]] = {
    "defocus": lambda tiles: cv2.GaussianBlur(tiles[0], (0, 0), 2)[None],
    "noise": lambda tiles: np.random.default_rng(3).integers(0, 256, tiles.shape, np.uint8),
    "blank": lambda tiles: np.full_like(tiles, 120),
    "black": np.zeros_like,
    "turned upside down and halved": lambda tiles: tiles[:, ::-1] // 2,
    "shuffled": lambda tiles: np.roll(tiles, (SIDE // 2, SIDE // 2), (1, 2)),
    "coarse pixels": lambda tiles: tiles[:, ::4, ::4].repeat(4, 1).repeat(4, 2),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_images_are_refused_with_the_reason(gate: Familiarity, name: str) -> None:
    for tiles in parts(11, 20):
        gated = gate.applied(PASS, STRANGE[name](tiles), ["ok"])
        assert gated.verdict is Verdict.NO_VERDICT
        assert gated.reason.startswith("unfamiliar: ")
        if name == "defocus":
            assert gated.reason.startswith("unfamiliar: out of focus (sharpness ")


def test_a_detectors_fail_stays(gate: Familiarity) -> None:
    noise = STRANGE["noise"](part(np.random.default_rng(0)))
    assert gate.applied(FAIL, noise, ["ok"]) == FAIL


def test_a_classifiers_fail_must_look_like_a_bad_part(class_gate: Familiarity) -> None:
    scratched = part(np.random.default_rng(50), scratched=True)
    assert class_gate.applied(FAIL, scratched, ["ok"]) == FAIL
    noise = STRANGE["noise"](scratched)
    assert class_gate.applied(FAIL, noise, ["ok"]).verdict is Verdict.NO_VERDICT


def test_a_pass_must_look_like_a_good_part_and_not_like_a_bad_one(class_gate: Familiarity) -> None:
    scratched = parts(51, 30, scratched=True)
    passed = [class_gate.applied(PASS, tiles, ["ok"]).verdict for tiles in scratched]
    assert passed.count(Verdict.NO_VERDICT) >= 15


def test_blur_lowers_the_sharpness() -> None:
    tiles = part(np.random.default_rng(4))
    values = [tiles] + [cv2.GaussianBlur(tiles[0], (0, 0), sigma)[None] for sigma in (1, 2, 4)]
    sharp = [sharpness(image_statistics(one)) for one in values]
    assert sharp == sorted(sharp, reverse=True)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 200, 3), (224, 320, 3)])
def test_statistics_are_finite_whatever_the_size(shape: tuple[int, int, int]) -> None:
    for value in (0, 255):
        assert np.isfinite(image_statistics(np.full((2, *shape), value, np.uint8))).all()


def texture(rng: np.random.Generator) -> Tensor:
    """uint8 (1, SIDE, SIDE, 3): rolled metal or asphalt, from faint to strong, fine to coarse."""
    grain = rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(0.8, 1.6)))
    grey = 128 + float(np.exp(rng.uniform(1.2, 3.5))) * grain / grain.std()
    return np.clip(grey, 0, 255).astype(np.uint8)[None, :, :, None].repeat(3, 3)


@pytest.fixture(scope="module")
def texture_gate() -> Familiarity:
    rng = np.random.default_rng(5)
    rows = np.array([image_statistics(texture(rng)) for _ in range(120)])
    return fit_familiarity(rows, ["rolled"] * 120, [str(n) for n in range(120)], ["rolled"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [("blank", "nothing to see"), ("black", "nothing to see"), ("noise", "noise")],
)
def test_neither_an_empty_scene_nor_noise_is_a_texture(
    texture_gate: Familiarity, name: str, reason: str
) -> None:
    tiles = STRANGE[name](texture(np.random.default_rng(6)))
    assert texture_gate.fault(tiles, ["rolled"]).startswith(f"{reason} (")


def test_textures_that_it_has_not_seen_are_familiar(texture_gate: Familiarity) -> None:
    rng = np.random.default_rng(7)
    refused = [texture_gate.fault(texture(rng), ["rolled"]) for _ in range(400)]
    assert sum(map(bool, refused)) <= 3 * FALSE_ALARMS * 400


def test_a_gate_from_before_there_were_these_limits_judges_without_them(gate: Familiarity) -> None:
    fields = {"sharpness_most", "detail_limit"}
    old = gate.model_dump(exclude={"labels": {"__all__": fields}})
    again = Familiarity.model_validate(old)
    tiles = part(np.random.default_rng(8))
    assert again.fault(tiles, ["ok"]) == gate.fault(tiles, ["ok"]) == ""
    assert again.fault(STRANGE["noise"](tiles), ["ok"]).startswith("unlike ok")


@pytest.mark.parametrize(("groups", "parts_each"), [(8, 1), (8, 20), (60, 3)])
def test_the_next_group_stays_below_its_bound(groups: int, parts_each: int) -> None:
    """The truth is drawn: groups differ by 1, parts of one group by 0.3."""
    dice = np.random.default_rng(groups + parts_each)
    over = 0
    for _ in range(400):
        values = dice.normal(0, 1, (groups + 1, 1)) + dice.normal(0, 0.3, (groups + 1, parts_each))
        names = np.arange(groups).repeat(parts_each).astype(str)
        over += values[-1, 0] > next_bound(values[:-1].ravel(), names, 0.02)
    assert over <= 20  # of 400; 8 are expected


def test_a_group_of_many_parts_weighs_as_one() -> None:
    """The truth is drawn: seven groups of 2 parts and one of 200; groups differ by 1."""
    dice = np.random.default_rng(4)
    names = np.arange(8).repeat([2] * 7 + [200]).astype(str)
    over = 0
    for _ in range(400):
        centres = dice.normal(0, 1, 9)
        values = centres[names.astype(int)] + dice.normal(0, 0.3, len(names))
        over += centres[8] + dice.normal(0, 0.3) > next_bound(values, names, 0.02)
    assert over <= 20  # of 400; 8 are expected


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_few_groups_have_a_bound_that_still_refuses(groups: int) -> None:
    values = np.random.default_rng(1).normal(0, 1, 60)
    bound = next_bound(values, (np.arange(60) % groups).astype(str), 0.00025)
    assert 6 < bound < 12


def test_few_parts_have_a_gate_that_says_its_bound() -> None:
    few = learnt(12)
    assert "of 12 good" in few.chosen_by
    assert "below 22" in few.chosen_by  # 1 - 0.05 ** (1 / 12) = 22.1 %: what 0 of 12 proves
    refused = [few.fault(tiles, ["ok"]) for tiles in parts(9, 100)]
    assert sum(map(bool, refused)) <= 10


def test_the_gate_survives_its_json(gate: Familiarity) -> None:
    again = Familiarity.model_validate_json(gate.model_dump_json())
    blurred = STRANGE["defocus"](part(np.random.default_rng(1)))
    assert again.fault(blurred, ["ok"]) == gate.fault(blurred, ["ok"])
    assert len(gate.model_dump_json()) < 20_000


def test_the_distance_is_that_of_the_whitened_statistics() -> None:
    dice = np.random.default_rng(4)
    triangle = np.tril(dice.normal(size=(STATISTICS, STATISTICS)))
    mean, seen = dice.normal(size=(2, STATISTICS))
    rows = [row[: place + 1].tolist() for place, row in enumerate(triangle)]
    label = FamiliarLabel(
        label="good", mean=mean.tolist(), whitening=rows, distance_limit=1, sharpness_limit=0
    )
    assert label.distance(seen) == pytest.approx(mahalanobis(seen, mean, triangle @ triangle.T))


@pytest.mark.parametrize("side", [64, 128, 224])
def test_white_noise_is_as_sharp_as_the_limit_of_noise_supposes(side: int) -> None:
    dice = np.random.default_rng(side)
    large = dice.integers(0, 256, (300, 300, 3)).astype(np.uint8)
    resized = cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA)[None]
    for tiles in (dice.integers(0, 256, (1, side, side, 3)).astype(np.uint8), resized):
        assert WHITE_NOISE <= sharpness(image_statistics(tiles)) < WHITE_NOISE + 1


def test_a_part_a_little_sharper_than_those_learnt_is_no_noise(gate: Familiarity) -> None:
    (label,) = gate.labels
    known = max(sharpness(image_statistics(tiles)) for tiles in parts(1, 300))
    assert label.sharpness_most is not None
    assert known + 0.5 < label.sharpness_most < WHITE_NOISE
