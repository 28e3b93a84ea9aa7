"""What the detectors share: backbone features on one grid, float heads, planted calibration.

Layers named `exact_...` stay in float when the network is quantised; all before them is int8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.image import ImageInput
from edge_agent.contracts.types import Tensor
from trainer.config import FitConfig
from trainer.models.backbone import features, load_backbone, scaled_rgb
from trainer.models.planted import plant
from trainer.models.preprocessing import image_spec
from trainer.models.registry import Fitted, Training

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.float32]

MOST_CALIBRATION = 120
BATCH = 16

RARE = 0.99
"""The quantile of held-out good parts that becomes score 1."""


@dataclass(frozen=True)
class Eye:
    """The start of a detector: pixels 0..255, and the outputs of the tapped layers."""

    pixels: keras.KerasTensor
    taps: list[keras.KerasTensor]

    def model(self, outputs: Sequence[keras.KerasTensor], name: str = "eye") -> keras.Model:
        """The network from the pixels to `outputs`."""
        import keras

        return keras.Model(self.pixels, list(outputs), name=name)


def detector_spec(config: FitConfig, size_px: int) -> ImageInput:
    """A square of `size_px` or as configured; raises ConfigError where the grids would not fit."""
    spec = image_spec(config, size_px)
    if spec.width_px % 32:
        raise ConfigError(
            f"{spec.width_px} px is no multiple of 32",
            where="[image] size_px",
            cure=f"take {max(32, spec.width_px // 32 * 32)}",
        )
    return spec


def open_eye(shape: tuple[int, int, int], weights: str, taps: Sequence[str]) -> Eye:
    """Pixels 0..255 of `shape` -> features of the frozen backbone; grey pixels are repeated."""
    import keras

    pixels = keras.Input(shape, name="pixels")
    found = features(load_backbone(weights, shape[0]), taps)(scaled_rgb(pixels))
    return Eye(pixels, found if isinstance(found, list) else [found])


def on_one_grid(taps: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """All taps at the finest one's resolution, joined: (N, G, G, C)."""
    from keras import layers

    side = max(tap.shape[1] for tap in taps)
    grown = [
        layers.UpSampling2D(side // tap.shape[1], interpolation="bilinear", name=f"exact_grow{n}")(
            tap
        )
        if tap.shape[1] < side
        else tap
        for n, tap in enumerate(taps)
    ]
    return layers.Concatenate(name="exact_grid")(grown) if len(grown) > 1 else grown[0]


def smooth(heat: keras.KerasTensor) -> keras.KerasTensor:
    """Two 3x3 means in a row, nearly a Gaussian of 1.15 cells; borders are not darkened."""
    from keras import layers

    for turn in range(2):
        heat = layers.AveragePooling2D(3, 1, padding="same", name=f"exact_smooth{turn}")(heat)
    return heat


def rows_of(network: keras.Model, inputs: Tensor, training: Training, what: str) -> list[Floats]:
    """Every output of `network` for all inputs, batch by batch."""
    rows: list[list[Floats]] = []
    with training.talk.steps(what, len(inputs)) as bar:
        for start in range(0, len(inputs), BATCH):
            batch = inputs[start : start + BATCH].astype(np.float32)
            given = network.predict_on_batch(batch)
            given = given if isinstance(given, list | tuple) else [given]
            rows.append([np.asarray(one, np.float32) for one in given])
            for _ in range(len(batch)):
                bar.advance()
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def planted_calibration(training: Training, fitted: Fitted) -> Tensor:
    """Training inputs, half of them with a planted anomaly: ranges must reach beyond good parts."""
    del fitted
    return planted_inputs(training)


def planted_inputs(training: Training) -> Tensor:
    """Up to MOST_CALIBRATION training inputs, every second one with a planted anomaly."""
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    chosen = inputs[rng.permutation(len(inputs))[:MOST_CALIBRATION]]
    result = chosen.copy()
    result[::2] = plant(chosen, rng)[0][::2]
    return result


def scale_of(values: NDArray[np.floating]) -> tuple[float, float]:
    """(gain, lift) that take the median to 0 and the RARE quantile to 1."""
    usual, rare = float(np.median(values)), float(np.quantile(values, RARE))
    gain = 1 / max(rare - usual, 1e-6)
    return gain, -usual * gain


def halves(training: Training) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Two pairs (seen, held) over the training inputs; no group is in both.

    Where there is one group only, what is seen is also held.
    """
    groups = np.array(training.dataset.groups())[training.train.sample]
    names = np.random.default_rng(training.config.seed).permutation(np.unique(groups))
    if len(names) < 2:
        everything = np.ones(len(groups), np.bool_)
        return [(everything, everything)]
    first = np.isin(groups, names[: len(names) // 2])
    return [(~first, first), (first, ~first)]


def twice(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask over training inputs as one over their float rows followed by their int8 rows."""
    return np.tile(mask, 2)


def random_projection(inputs: int, outputs: int, seed: int) -> Floats:
    """Orthonormal columns (inputs, outputs), or the identity where nothing is saved.

    Defard et al., "PaDiM", ICPR 2021, picks random dimensions; orthogonal mixtures lose less.
    """
    if outputs >= inputs:
        return np.eye(inputs, dtype=np.float32)
    mixed, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((inputs, outputs)))
    return mixed.astype(np.float32)
