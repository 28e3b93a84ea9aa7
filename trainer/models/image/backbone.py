"""The ImageNet networks whose features transfer and the detectors share, by name.

All take pixels in -1..1. Batch normalisation always stays as it was learnt: files whose batch norms
are folded into the kernels work like any others.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import ConfigError
from trainer.config.toml import did_you_mean

if TYPE_CHECKING:
    import keras

WEIGHTS = ("imagenet", "none")
DEFAULT = "mobilenet_v2"


@dataclass(frozen=True)
class Backbone:
    """One row of the table of backbones.

    builder: its function in keras.applications, which also says where its weights come from;
    taps: the layers at an eighth and a sixteenth of the side, for detectors; pools: five layers
    from low to high whose mean and maximum a classifier may read; upper, first: the layers from
    which fine-tuning of the upper half and of everything begins; mean, spread: per channel, in
    shares of white, where pixels want more than -1..1.
    """

    builder: str
    called: str
    source: str
    taps: tuple[str, str]
    pools: tuple[str, str, str, str, str]
    upper: str
    first: str
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()


BACKBONES = {
    "mobilenet_v2": Backbone(
        "MobileNetV2",
        "MobileNetV2 1.0",
        "Sandler et al., Inverted Residuals and Linear Bottlenecks, CVPR 2018; Apache-2.0",
        ("block_5_add", "block_12_add"),
        (
            "block_3_expand_relu",
            "block_6_expand_relu",
            "block_10_expand_relu",
            "block_13_expand_relu",
            "out_relu",
        ),
        upper="block_6_expand",
        first="Conv1",
    ),
    "mobilenet_v3_small": Backbone(
        "MobileNetV3Small",
        "MobileNetV3Small 1.0",
        "Howard et al., Searching for MobileNetV3, ICCV 2019; Apache-2.0",
        ("expanded_conv_2_add", "expanded_conv_7_add"),
        (
            "expanded_conv_2_add",
            "expanded_conv_4_add",
            "expanded_conv_5_add",
            "expanded_conv_7_add",
            "expanded_conv_10_add",
        ),
        upper="expanded_conv_3_expand",
        first="conv",
    ),
    "efficientnet_v2_b0": Backbone(
        "EfficientNetV2B0",
        "EfficientNetV2B0",
        "Tan & Le, EfficientNetV2, ICML 2021; Apache-2.0",
        ("block3b_add", "block5e_add"),
        (
            "block2b_expand_activation",
            "block3b_expand_activation",
            "block4c_expand_activation",
            "block5e_expand_activation",
            "top_activation",
        ),
        upper="block4a_expand_conv",
        first="stem_conv",
        mean=(0.485, 0.456, 0.406),
        spread=(0.229, 0.224, 0.225),
    ),
}
"""Name -> backbone."""


def find_backbone(name: str) -> Backbone:
    """The row of that name; raises ConfigError for another."""
    if name not in BACKBONES:
        cure = did_you_mean(name, list(BACKBONES))
        raise ConfigError(f"no backbone {name!r}", where="options.backbone", cure=cure)
    return BACKBONES[name]


def load_backbone(weights: str, size_px: int, name: str = DEFAULT) -> keras.Model:
    """The backbone `name` without its top for square images of `size_px`; every layer frozen.

    weights: `imagenet` (Keras downloads it), `none` (random), or a Keras weights file of the
    network without its top. Raises ConfigError that says what is wrong with the file or the name.
    """
    row = find_backbone(name)
    network = _built(row, "imagenet" if weights == "imagenet" else None, size_px)
    if weights not in WEIGHTS:
        _read(network, row, Path(weights))
    network.trainable = False
    for layer in network.layers:
        layer.trainable = False
    return network


def scaled_rgb(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Pixels 0..255 as every backbone takes them: in -1..1, a grey one repeated three times."""
    from keras import layers

    x = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    return layers.Concatenate()([x, x, x]) if pixels.shape[3] == 1 else x


def features(network: keras.Model, taps: Sequence[str]) -> keras.Model:
    """Pixels -> the outputs of the layers `taps`; what lies behind the last of them is cut off."""
    import keras

    return keras.Model(network.input, [network.get_layer(tap).output for tap in taps], name="eye")


def _built(row: Backbone, weights: str | None, size_px: int) -> keras.Model:
    import keras

    build = getattr(keras.applications, row.builder)
    own = {} if row.builder == "MobileNetV2" else {"include_preprocessing": False}
    pixels = keras.Input((size_px, size_px, 3))
    try:
        built = build(
            input_tensor=_scaled(row, pixels),
            input_shape=(size_px, size_px, 3),
            include_top=False,
            weights=weights,
            **own,
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the ImageNet weights cannot be had ({error})",
            where="--weights imagenet",
            cure="give a weights file: --weights FILE.weights.h5",
        ) from error
    return keras.Model(pixels, built.output, name=built.name)


def _scaled(row: Backbone, pixels: keras.KerasTensor) -> keras.KerasTensor:
    """-1..1 as the network has learnt it."""
    from keras import layers

    if not row.mean:
        return pixels
    scale = [0.5 / spread for spread in row.spread]
    offset = [(0.5 - m) / spread for m, spread in zip(row.mean, row.spread, strict=True)]
    return layers.Rescaling(scale, offset=offset, name="as_learnt")(pixels)


def _read(network: keras.Model, row: Backbone, path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            "no such weights file",
            where=f"--weights {path}",
            cure=f"give a Keras weights file of {row.called} without top, imagenet or none",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras warns where layers stay random
            network.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise ConfigError(
            f"not weights of {row.called} without top ({error})",
            where=f"--weights {path}",
            cure=f"save them from keras.applications.{row.builder} with include_top=False",
        ) from error
