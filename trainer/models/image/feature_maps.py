"""Backbone features on one grid, float heads and calibration inputs of the detectors.

Layers named FLOAT_PREFIX... stay in float when the network is quantised; all before them is int8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.models.image.backbone import (
    Pretrained,
    features,
    level_names,
    load_backbone,
    scaled_rgb,
)
from trainer.models.image.background_paint import Paint, painted
from trainer.models.image.synthetic_defects import add_defects
from trainer.models.layers.preprocessing import image_spec
from trainer.training.api import Fitted, Training
from trainer.training.predict import forward

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.float32]

Scale = tuple[float, float]
"""(gain, lift)."""

MOST_CALIBRATION = 80
BATCH = 16
USUAL_PX = 320
"""Side of a detector's usual input."""

RARE = 0.99
"""The quantile of held-out good parts that becomes score 1."""

FEATURES = f"{FLOAT_PREFIX}features"
"""The float layer of a detector that makes its features of the backbone's taps."""


@dataclass(frozen=True)
class TappedBackbone:
    """The start of a detector: pixels 0..255, and the outputs of the tapped layers."""

    pixels: keras.KerasTensor
    taps: list[keras.KerasTensor]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """(H, W, C) of every tap."""
        return [tap.shape[1:] for tap in self.taps]

    def scored(self, heat: keras.KerasTensor, name: str) -> keras.Model:
        """The detector: score (N, 1), the maximum of the heat map, and the heat map itself."""
        from keras import layers

        return self.model(
            [layers.GlobalMaxPooling2D(name=f"{FLOAT_PREFIX}score")(heat), heat], name
        )

    def model(self, outputs: Sequence[keras.KerasTensor], name: str = "detector") -> keras.Model:
        """The network from the pixels to `outputs`."""
        import keras

        return keras.Model(self.pixels, list(outputs), name=name)


def detector_spec(config: FitConfig, size_px: int, *, standardise: bool = True) -> ImageInput:
    """A square of `size_px`, standardised, or as configured; raises ConfigError where the grids
    would not fit.
    """
    spec = image_spec(config, size_px, standardise=standardise)
    if spec.width_px % 32:
        raise ConfigError(
            f"{spec.width_px} px is no multiple of 32",
            where="[image] size_px",
            cure=f"take {max(32, spec.width_px // 32 * 32)}",
        )
    return spec


def tapped_backbone(
    shape: tuple[int, ...], pretrained: Pretrained, taps: Sequence[str], paint: Paint | None = None
) -> TappedBackbone:
    """Pixels 0..255 of `shape`, painted, -> features of the frozen backbone; grey pixels are
    repeated.
    """
    import keras

    pixels = keras.Input(shape, name="pixels")
    names = level_names(pretrained.backbone, taps)
    network = load_backbone(pretrained, (shape[0], shape[1]))
    read = painted(features(network, names, "read"), paint) if paint else features(network, names)
    outputs = read(scaled_rgb(pixels))
    return TappedBackbone(pixels, outputs if isinstance(outputs, list) else [outputs])


def on_one_grid(taps: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """All taps at the coarsest one's resolution, finer ones averaged, joined: (N, G, H, C)."""
    from keras import layers

    side = min(tap.shape[1] for tap in taps)
    shrunk = [
        layers.AveragePooling2D(tap.shape[1] // side, name=f"{FLOAT_PREFIX}shrink{n}")(tap)
        if tap.shape[1] > side
        else tap
        for n, tap in enumerate(taps)
    ]
    return layers.Concatenate(name=f"{FLOAT_PREFIX}grid")(shrunk) if len(shrunk) > 1 else shrunk[0]


def smooth(heat: keras.KerasTensor) -> keras.KerasTensor:
    """Two 3x3 means in a row, nearly a Gaussian of 1.15 cells; borders are not darkened."""
    from keras import layers

    for turn in range(2):
        heat = layers.AveragePooling2D(3, 1, padding="same", name=f"{FLOAT_PREFIX}smooth{turn}")(
            heat
        )
    return heat


def rows_of(
    network: keras.Model,
    inputs: Tensor,
    training: Training,
    what: str,
    dtype: DTypeLike | Sequence[DTypeLike] = np.float32,
) -> list[Floats]:
    """Every output of `network` for all inputs, batch by batch; dtype: of all, or of each."""
    rows = Filled(len(inputs))
    with training.progress.steps(what, len(inputs)) as bar:
        for outputs in forward(network, inputs, BATCH):
            rows.add(listed(outputs, dtype))
            for _ in range(len(outputs[0])):
                bar.advance()
    return rows.columns


class Filled:
    """Batches of several outputs, written into arrays of `total` rows: joined at the end they would
    need twice the memory.
    """

    def __init__(self, total: int) -> None:
        self._total, self._row = total, 0
        self.columns: list[Floats] = []

    def add(self, batch: list[Floats]) -> None:
        """The next rows, (B, ...) of each output."""
        if not self.columns:
            self.columns = [np.empty((self._total, *one.shape[1:]), one.dtype) for one in batch]
        end = self._row + len(batch[0])
        for column, one in zip(self.columns, batch, strict=True):
            column[self._row : end] = one
        self._row = end


def listed(outputs: object, dtype: DTypeLike | Sequence[DTypeLike] = np.float32) -> list[Floats]:
    """What a network gave, as one array for each output; dtype: of all, or of each."""
    several = outputs if isinstance(outputs, list | tuple) else [outputs]
    kept = dtype if isinstance(dtype, list) else [dtype] * len(several)
    return [np.asarray(one, own) for one, own in zip(several, kept, strict=True)]


def calibration_with_defects(training: Training, fitted: Fitted) -> Tensor:
    """Training inputs, half of them with a synthetic defect: int8 ranges must include defects."""
    del fitted
    return inputs_with_defects(training)


def inputs_with_defects(training: Training) -> Tensor:
    """Up to MOST_CALIBRATION training inputs, every second one with a synthetic defect."""
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    chosen = inputs[rng.permutation(len(inputs))[:MOST_CALIBRATION]]
    result = chosen.copy()
    result[::2] = add_defects(chosen, rng)[0][::2]
    return result


def fewer_of_large(most: int, shape: tuple[int, ...]) -> int:
    """How many pictures (H, W, C) have the pixels, and so the cells, of `most` of USUAL_PX; of
    large ones half at least, of small ones `most`.
    """
    fitting = most * USUAL_PX**2 // (shape[0] * shape[1])
    return min(max(fitting, most // 2), most)


def scale_of(values: NDArray[np.floating], share: float = RARE) -> Scale:
    """(gain, lift) that take the median to 0 and the `share` quantile to 1."""
    usual, rare = float(np.median(values)), float(np.quantile(values, share))
    gain = 1 / max(rare - usual, 1e-6)
    return gain, -usual * gain


def random_projection(inputs: int, outputs: int, seed: int) -> Floats:
    """Orthonormal columns (inputs, outputs), or the identity where nothing is saved.

    Defard et al., "PaDiM", ICPR 2021, picks random dimensions; orthogonal mixtures lose less.
    """
    if outputs >= inputs:
        return np.eye(inputs, dtype=np.float32)
    mixed, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((inputs, outputs)))
    return mixed.astype(np.float32)
