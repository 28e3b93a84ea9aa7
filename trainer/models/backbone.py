"""The ImageNet network whose features transfer and the detectors share: MobileNetV2, alpha 1.0.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018. Pixels come in
-1..1. Batch normalisation always stays as it was learnt: files whose batch norms are folded into
the kernels work like any others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.errors import ConfigError

if TYPE_CHECKING:
    import keras

WEIGHTS = ("imagenet", "none")


def load_backbone(weights: str, size_px: int) -> keras.Model:
    """MobileNetV2 without its top for square images of `size_px`; every layer frozen.

    weights: `imagenet` (Keras downloads it), `none` (random), or a Keras weights file of the
    network without its top. Raises ConfigError that says what is wrong with the file.
    """
    name = "imagenet" if weights == "imagenet" else None
    network = _built(name, size_px)
    if weights not in WEIGHTS:
        _read(network, Path(weights))
    network.trainable = False
    for layer in network.layers:
        layer.trainable = False
    return network


def features(network: keras.Model, taps: Sequence[str]) -> keras.Model:
    """Pixels -> the outputs of the layers `taps`; what lies behind the last of them is cut off."""
    import keras

    return keras.Model(network.input, [network.get_layer(tap).output for tap in taps], name="eye")


def _built(name: str | None, size_px: int) -> keras.Model:
    import keras

    try:
        return keras.applications.MobileNetV2(
            input_shape=(size_px, size_px, 3), include_top=False, weights=name
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the ImageNet weights cannot be had ({error})",
            where="--weights imagenet",
            cure="give a weights file: --weights FILE.weights.h5",
        ) from error


def _read(network: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            "no such weights file",
            where=f"--weights {path}",
            cure="give a Keras weights file of MobileNetV2 1.0 without top, imagenet or none",
        )
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"not weights of MobileNetV2 1.0 without top ({error})",
            where=f"--weights {path}",
            cure="save them with include_top=False and alpha 1.0",
        ) from error
