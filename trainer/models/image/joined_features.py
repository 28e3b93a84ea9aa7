"""One pass of the backbone for two heads: features of cells, and pools of the whole picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.data.prepare import InputSpec
from trainer.models.image import synthetic_defect_head as defect_head
from trainer.models.image.backbone import (
    NETWORK,
    Pretrained,
    find_backbone,
    level_names,
    load_backbone,
    scaled_rgb,
)
from trainer.models.image.feature_maps import Floats
from trainer.models.image.linear_head import Layers
from trainer.models.image.pooling import TEXTURE, by_layer
from trainer.models.image.texture import texture
from trainer.models.layers.int8 import FeatureReader

if TYPE_CHECKING:
    import keras

JOINED_FEATURES = f"{FLOAT_PREFIX}joined_features"
WHOLE_FEATURES = f"{FLOAT_PREFIX}whole_features"


@dataclass(frozen=True)
class JoinedFeatures:
    """pixels 0..255; cells: features of 8 px and of 16 px; pools: vectors of the whole picture."""

    pixels: keras.KerasTensor
    cells: Sequence[keras.KerasTensor]
    pools: list[keras.KerasTensor]

    def model(self, outputs: Sequence[keras.KerasTensor], name: str) -> keras.Model:
        """The network from the pixels to `outputs`."""
        import keras

        return keras.Model(self.pixels, list(outputs), name=name)


def cells_and_pools(spec: InputSpec, pretrained: Pretrained, layers: Layers) -> JoinedFeatures:
    """The backbone with both kinds of features; layers: which are pooled.

    What lies behind the highest layer that is read is cut off.
    """
    pixels, taps = _tapped(spec, pretrained, layers)
    found = _features([tap.shape[1:] for tap in taps], layers, cells=True)(taps)
    return JoinedFeatures(pixels, found[:2], list(found[2:]))


def reading_network(spec: InputSpec, pretrained: Pretrained, layers: Layers) -> keras.Model:
    """What a FeatureReader reads JOINED_FEATURES and WHOLE_FEATURES from."""
    import keras

    pixels, taps = _tapped(spec, pretrained, layers)
    shapes = [tap.shape[1:] for tap in taps]
    both = [_features(shapes, layers, cells=cells)(taps) for cells in (True, False)]
    return keras.Model(pixels, [*both[0], *both[1]], name="reading")


def _tapped(
    spec: InputSpec, pretrained: Pretrained, layers: Layers
) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    import keras

    pixels = keras.Input(spec.shape, name="pixels")
    return pixels, _taps(pretrained, (spec.shape[0], spec.shape[1]), layers)(scaled_rgb(pixels))


def read_features(
    reader: FeatureReader, inputs: Tensor, what: str, layer: str = JOINED_FEATURES
) -> tuple[list[Floats], list[Floats]]:
    """Inputs (N, H, W, C) -> cells as float16 (none by WHOLE_FEATURES), and one (N, F) a layer."""
    found = reader.read_rounded(inputs, what, layer, np.float16)
    cells = found[:2] if layer == JOINED_FEATURES else []
    pools = [np.asarray(one, np.float32) for one in found[len(cells) :]]
    return cells, by_layer(pools)


def _taps(pretrained: Pretrained, sides: tuple[int, int], layers: Layers) -> keras.Model:
    """The frozen backbone: four taps for cells, then mean and maximum of each pooled layer."""
    import keras
    from keras import layers as stock

    network = load_backbone(pretrained, sides)
    outputs = [
        network.get_layer(name).output
        for name in level_names(pretrained.backbone, defect_head.TAPS)
    ]
    row = find_backbone(pretrained.backbone)
    for layer in layers:
        if layer != TEXTURE:
            pool = network.get_layer(row.pools[layer]).output
            outputs += [stock.GlobalAveragePooling2D()(pool), stock.GlobalMaxPooling2D()(pool)]
    return keras.Model(network.input, outputs, name=NETWORK)


def _features(shapes: Sequence[tuple[int, ...]], layers: Layers, *, cells: bool) -> keras.Model:
    """Outputs of `_taps` -> features of cells where asked for, then vectors of the whole picture;
    the texture, if it is among the layers, is the last.
    """
    import keras

    given = [keras.Input(shape) for shape in shapes]
    taps, pools = given[: len(defect_head.TAPS)], given[len(defect_head.TAPS) :]
    outputs = list(defect_head.cell_features(shapes[: len(taps)])(taps)) if cells else []
    outputs += pools
    if TEXTURE in layers:
        outputs.append(texture(taps[-1]))
    return keras.Model(given, outputs, name=JOINED_FEATURES if cells else WHOLE_FEATURES)
