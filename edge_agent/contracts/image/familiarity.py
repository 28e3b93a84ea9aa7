"""Whether an image looks like the training parts: refuse defocus, noise, another part, no part.

A network gives some verdict on any pixels: noise or a blurred defect can score as a good part. So
the manifest carries, for each label, where its training images lie in 51 image statistics, and how
far from there an image of a good part may lie. The statistics are taken from the pixels that the
network receives and not from the network: rounding to int8, a delegate or the kind of model change
nothing of them, and an accelerator's graph stays as it is. The distance is Mahalanobis' to the
label's mean (Lee et al., NeurIPS 2018, there on a network's features).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Judgement, Tensor, Verdict

Vector = NDArray[np.float64]

BANDS = 4
"""Octaves of detail, from the finest on."""
CELLS = 3
"""Fields along a side in which detail and brightness are measured."""
STATISTICS = BANDS * CELLS**2 + CELLS**2 + 6
LEAST_ENERGY = 1e-6
"""Of a band, in squared parts of full scale: a quarter of a grey level."""


class FamiliarLabel(Strict):
    """Where the training images of one label lie, and how far away a familiar image may be.

    whitening: the lower triangle W of STATISTICS rows, with |(x - mean) W| the distance.
    """

    label: str
    mean: list[float] = Field(min_length=STATISTICS, max_length=STATISTICS)
    whitening: list[list[float]] = Field(min_length=STATISTICS, max_length=STATISTICS)
    distance_limit: float = Field(gt=0)
    sharpness_limit: float = Field(description="below this an image is out of focus")
    sharpness_most: float | None = Field(None, description="above this an image is noise")
    detail_limit: float | None = Field(None, description="below this an image shows nothing")

    @model_validator(mode="after")
    def _is_triangular(self) -> Self:
        if [len(row) for row in self.whitening] != list(range(1, STATISTICS + 1)):
            raise ValueError("whitening is no lower triangle")
        return self

    def distance(self, statistics: Vector) -> float:
        """How far the statistics (STATISTICS,) of an image lie from the label's mean."""
        away = statistics - np.asarray(self.mean)
        # Row after row, and not by a matrix product, whose order differs from machine to machine.
        white = np.add.reduce(away[:, None] * self._whitening, axis=0)
        return float(np.linalg.norm(white))

    @cached_property
    def _whitening(self) -> Vector:
        """W as a square: (STATISTICS, STATISTICS), zeros above the diagonal."""
        square = np.zeros((STATISTICS, STATISTICS))
        for place, row in enumerate(self.whitening):
            square[place, : len(row)] = row
        return square

    def fault(self, statistics: Vector, away: float | None = None) -> str:
        """Why an image of these statistics is unlike the label's; "" where it is not.

        away: its distance, where another one than this label's own counts.
        """
        sharp, seen = sharpness(statistics), detail(statistics)
        away = self.distance(statistics) if away is None else away
        if sharp < self.sharpness_limit:
            least = f"{self.label} at least {self.sharpness_limit:.2f}"
            return f"out of focus (sharpness {sharp:.2f}, {least})"
        if self.detail_limit is not None and seen < self.detail_limit:
            least = f"{self.label} at least {self.detail_limit:.2f}"
            return f"nothing to see (detail {seen:.2f}, {least})"
        if self.sharpness_most is not None and sharp > self.sharpness_most:
            most = f"{self.label} at most {self.sharpness_most:.2f}"
            return f"noise (sharpness {sharp:.2f}, {most})"
        if away > self.distance_limit:
            return f"unlike {self.label} (distance {away:.1f}, at most {self.distance_limit:.1f})"
        return ""


class Familiarity(Strict):
    """The gate of a model: an image must be like one of the labels that it may be."""

    labels: list[FamiliarLabel] = Field(min_length=1)
    chosen_by: str = Field(description="data behind the limits, and the bound on false alarms")

    def fault(self, tiles: Tensor, labels: Sequence[str]) -> str:
        """Why the image is unlike all of `labels` (the nearest one's reason); "" where it is not.

        tiles: uint8 (N, H, W, C), all of one image. Without any of `labels`, all are compared.
        """
        return self._fault(image_statistics(tiles), labels)

    def _fault(self, statistics: Vector, labels: Sequence[str]) -> str:
        rows = [row for row in self.labels if row.label in labels] or self.labels
        reasons = [row.fault(statistics) for row in rows]
        excess = [row.distance(statistics) / row.distance_limit for row in rows]
        return "" if "" in reasons else min(zip(excess, reasons, strict=True))[1]

    def applied(self, judgement: Judgement, tiles: Tensor, good: list[str]) -> Judgement:
        """The judgement, or NO-VERDICT with the reason where the image is unfamiliar.

        A PASS must look like a good training part, a FAIL like a bad one. A model trained on good
        parts alone says "unlike them" by its FAIL already: that stays.
        """
        return self.applied_by(judgement, partial(image_statistics, tiles), good)

    def applied_by(
        self, judgement: Judgement, statistics: Callable[[], Vector], good: list[str]
    ) -> Judgement:
        """The same; statistics: gives image_statistics(), where the judgement needs them."""
        bad = [row.label for row in self.labels if row.label not in good]
        if judgement.verdict is Verdict.PASS:
            reason = self._fault(statistics(), good)
        elif judgement.verdict is Verdict.FAIL and bad:
            reason = self._fault(statistics(), bad)
        else:
            return judgement
        if not reason:
            return judgement
        return replace(judgement, verdict=Verdict.NO_VERDICT, reason=f"unfamiliar: {reason}")


def image_statistics(tiles: Tensor) -> Vector:
    """uint8 (N, H, W, C) of one image -> (STATISTICS,), the mean over its tiles.

    In order: log energy of each of BANDS octaves in CELLS x CELLS fields, brightness of the fields
    in parts of full scale, mean tint of the channels, how peaked the two finest bands are, and the
    ratio of the vertical to the horizontal gradient.
    """
    return np.asarray(np.mean([_tile_statistics(tile) for tile in tiles], axis=0), np.float64)


def sharpness(statistics: Vector) -> float:
    """Log energy of the two finest octaves over that of the two coarser ones; defocus lowers it."""
    bands = np.exp(statistics[: BANDS * CELLS**2].reshape(BANDS, -1)).mean(axis=1)
    return float(np.log(bands[:2].sum()) - np.log(bands[2:].sum()))


def detail(statistics: Vector) -> float:
    """Log of the mean energy over octaves and fields; an empty scene has hardly any."""
    return float(np.log(np.exp(statistics[: BANDS * CELLS**2]).mean()))


def _tile_statistics(tile: Tensor) -> Vector:
    channels = tile.shape[2]
    mix = np.full((1, channels), 1 / (255 * channels), np.float32)
    grey = np.asarray(cv2.transform(tile.astype(np.float32), mix), np.float32)
    bands = _octaves(grey)
    energy = [np.log(_fields(band * band) + LEAST_ENERGY).ravel() for band in bands]
    tint = np.array(cv2.mean(tile)[:channels]) / 255 - grey.mean()
    peaked = [_peakedness(band) for band in bands[:2]]
    values = [*energy, _fields(grey).ravel(), np.resize(tint, 3), peaked, [_direction(grey)]]
    return np.concatenate(values).astype(np.float64)


def _octaves(grey: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """A Laplacian pyramid (Burt and Adelson, IEEE Trans. Comm. 31, 1983): BANDS levels."""
    bands = []
    for _ in range(BANDS):
        low = cv2.pyrDown(grey)
        bands.append(grey - cv2.pyrUp(low, dstsize=(grey.shape[1], grey.shape[0])))
        grey = np.asarray(low, np.float32)
    return [np.asarray(band, np.float32) for band in bands]


def _fields(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over CELLS x CELLS fields; the last rows and columns are left out where they do not
    fill one, since OpenCV is ten times as fast over whole ones."""
    high, wide = (max(side // CELLS * CELLS, min(side, CELLS)) for side in values.shape)
    values = values[:high, :wide]
    return np.asarray(cv2.resize(values, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)


def _peakedness(band: NDArray[np.float32]) -> float:
    """Log of mean over root-mean-square size: -0.23 for noise, lower for edges on flat ground."""
    mean = cv2.norm(band, cv2.NORM_L1) / band.size
    root = cv2.norm(band, cv2.NORM_L2) / np.sqrt(band.size)
    return float(np.log(mean + 1e-3) - np.log(root + 1e-3))


def _direction(grey: NDArray[np.float32]) -> float:
    pairs = ((grey[1:], grey[:-1]), (grey[:, 1:], grey[:, :-1]))
    sums = [cv2.norm(one, other, cv2.NORM_L2SQR) / one.size + LEAST_ENERGY for one, other in pairs]
    return float(np.log(sums[0]) - np.log(sums[1]))
