"""What the gate of familiarity does with images that no part gave, and with held-out parts."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from edge_agent.contracts.core.types import Tensor, Verdict
from edge_agent.contracts.image.brightness import standardised
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.scoring import judge
from trainer.data.class_sample import evenly
from trainer.data.prepare import inputs_of
from trainer.data.samples import Dataset
from trainer.evaluation.held_out import HeldOut
from trainer.evaluation.withheld import show_no_part
from trainer.statistics.metrics import share
from trainer.training.predict import predict

MakeUnfamiliar = Callable[[Tensor, np.random.Generator], Tensor]
"""One tile uint8 (H, W, C) of a part -> an unfamiliar one of the same shape."""

MOST_IMAGES = 100
"""Held-out images in each row of the table, evenly spaced."""
DEFOCUS_PX = (1, 2, 4, 8)


def defocused(sigma_px: float) -> MakeUnfamiliar:
    """The part out of focus; sigma_px: of a Gaussian, in pixels of the network's input."""

    def blur(tile: Tensor, rng: np.random.Generator) -> Tensor:
        del rng
        return np.asarray(cv2.GaussianBlur(tile, (0, 0), sigma_px)).reshape(tile.shape)

    return blur


def white_noise(tile: Tensor, rng: np.random.Generator) -> Tensor:
    """No picture at all: every value at random."""
    return rng.integers(0, 256, tile.shape, np.uint8)


def another_part(tile: Tensor, rng: np.random.Generator) -> Tensor:
    """A drawn part, bright on dark: a washer somewhere near the middle."""
    height, width = tile.shape[:2]
    picture = rng.normal(50, 4, (height, width))
    middle = [int(side * rng.uniform(0.4, 0.6)) for side in (width, height)]
    size = int(min(height, width) * rng.uniform(0.25, 0.4))
    cv2.circle(picture, middle, size, 190.0, -1, cv2.LINE_AA)
    cv2.circle(picture, middle, size // 2, 60.0, -1, cv2.LINE_AA)
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[:, :, None], tile.shape[2], axis=2)


def empty_scene(tile: Tensor, rng: np.random.Generator) -> Tensor:
    """An empty place: one grey level with a camera's noise."""
    level = rng.uniform(10, 245)
    return np.clip(rng.normal(level, 2, tile.shape), 0, 255).astype(np.uint8)


UNFAMILIAR: dict[str, MakeUnfamiliar] = {
    **{f"out of focus, {sigma} px": defocused(sigma) for sigma in DEFOCUS_PX},
    "white noise": white_noise,
    "another part (drawn)": another_part,
    "no part": empty_scene,
}
"""Name -> how to make an unfamiliar image."""


def familiarity_figures(held_out: HeldOut) -> dict[str, dict[str, object]]:
    """Row -> n, refused (a Figure as JSON: NO-VERDICT for being unfamiliar), passed and
    passed_without_gate (shares of PASS); {} for a model without a gate, and where no
    held-out picture shows a part.
    """
    spec = held_out.spec.input
    if held_out.spec.familiarity is None or not isinstance(spec, ImageInput):
        return {}
    samples = held_out.split.test
    samples = samples[~show_no_part(held_out.inputs, samples, held_out.spec)]
    if not len(samples):
        return {}
    bad = held_out.split.dataset.is_bad()[samples]
    rows: dict[str, dict[str, object]] = {}
    for name, chosen in (("good held-out parts", ~bad), ("bad held-out parts", bad)):
        if chosen.any():
            rows[name] = _row(held_out, [_tiles(held_out, int(n)) for n in samples[chosen]])
    some = evenly(samples, MOST_IMAGES)
    pictures = [unlevelled(held_out.split.dataset, int(n), spec) for n in some]
    for name, make in UNFAMILIAR.items():
        rng = np.random.default_rng(len(name))
        rows[name] = _row(held_out, [strange_tiles(one, spec, make, rng) for one in pictures])
    return rows


def unlevelled(dataset: Dataset, index: int, spec: ImageInput) -> Tensor:
    """The tiles of a sample's frame before their levels are evened out."""
    return inputs_of(dataset, index, spec.model_copy(update={"standardise": False}))


def strange_tiles(
    tiles: Tensor, spec: ImageInput, make: MakeUnfamiliar, rng: np.random.Generator
) -> Tensor:
    """Tiles of `unlevelled` made strange, and then what the station does last: evened out only
    once, and as the strange picture needs it.
    """
    made = [make(tile, rng) for tile in tiles]
    if spec.standardise:
        made = [standardised(one, spec.most_clipped) for one in made]
    return np.stack(made)


def _tiles(held_out: HeldOut, sample: int) -> Tensor:
    return np.asarray(held_out.inputs.inputs[held_out.inputs.sample == sample])


def _row(held_out: HeldOut, pictures: list[Tensor]) -> dict[str, object]:
    spec, gate = held_out.spec, held_out.spec.familiarity
    if gate is None:
        raise TypeError("a model without a gate of familiarity")
    outputs = predict(held_out.network, np.concatenate(pictures))
    ends = np.cumsum([len(tiles) for tiles in pictures])[:-1]
    refused = passed = before = 0
    for tiles, rows in zip(pictures, np.split(outputs, ends), strict=True):
        plain = judge(rows, spec.labels, spec.good, spec.scoring)
        gated = gate.applied(plain, tiles, spec.good)
        before += plain.verdict is Verdict.PASS
        passed += gated.verdict is Verdict.PASS
        refused += gated.verdict is not plain.verdict
    count = len(pictures)
    return {
        "n": count,
        "refused": share(refused, count).as_json(),
        "passed": round(passed / count, 6),
        "passed_without_gate": round(before / count, 6),
    }
