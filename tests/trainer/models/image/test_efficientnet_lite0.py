"""ImageNet weights from a package: read without PyTorch, pinned, and no code is run."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from edge_agent.contracts.core.errors import ConfigError
from trainer.config.fit import FitConfig
from trainer.models.image import efficientnet_lite0
from trainer.models.image.backbone import Pretrained, load_backbone
from trainer.models.image.efficientnet_lite0 import (
    _rebuild,
    _Storage,
    packaged_weights,
    parse_state,
    read_state,
)
from trainer.workflow.weights_advice import missing_weights

OWN = Pretrained(efficientnet_lite0.NAME, efficientnet_lite0.NAME)


@pytest.fixture(scope="module")
def payload() -> bytes:
    path = packaged_weights()
    if path is None:
        pytest.skip(f"{efficientnet_lite0.PACKAGE} is not installed")
    return path.read_bytes()


def legacy_file(state: object) -> bytes:
    """A file in PyTorch's legacy format: three header pickles, `state`, and no storage."""
    stream = io.BytesIO()
    for content in (0x1950A86A20F9469CFC6C, 1001, {}, state, []):
        pickle.dump(content, stream, protocol=2)
    return stream.getvalue()


def test_the_state_holds_what_the_paper_says(payload: bytes) -> None:
    state = read_state(payload, "weights")
    assert state["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert state["_conv_head.weight"].shape == (1280, 320, 1, 1)
    assert state["_blocks.15._project_conv.weight"].shape == (320, 1152, 1, 1)
    assert all(np.isfinite(array).all() for array in state.values())


def test_every_layer_gets_the_packages_weights(payload: bytes) -> None:
    network = load_backbone(OWN, 64)
    state = read_state(payload, "weights")
    count = sum(a.size for n, a in state.items() if not n.endswith("num_batches_tracked"))
    top = sum(state[f"_fc.{part}"].size for part in ("weight", "bias"))
    assert network.count_params() == count - top
    kernel = network.get_layer("block_7_depthwise").get_weights()[0]
    assert np.array_equal(kernel[:, :, 5, 0], state["_blocks.7._depthwise_conv.weight"][5, 0])
    mean = network.get_layer("block_7_project_bn").get_weights()[2]
    assert np.array_equal(mean, state["_blocks.7._bn2.running_mean"])


PALACE, DAISY = 698, 985
"""Numbers of the labels in ImageNet's list of 1,000."""


def test_photographs_are_recognised(payload: bytes) -> None:
    """The order of the weights: the pictures are scikit-learn's own, a palace and a flower."""
    state = read_state(payload, "weights")
    network = load_backbone(OWN, 224)
    for picture, label in zip(load_sample_images().images, (PALACE, DAISY), strict=True):
        left = (picture.shape[1] - picture.shape[0]) // 2
        square = picture[:, left : left + picture.shape[0]]
        pixels = cv2.resize(square, (224, 224), interpolation=cv2.INTER_AREA) / 127.5 - 1
        features = np.asarray(network(pixels[None].astype(np.float32)))[0].mean(axis=(0, 1))
        assert (state["_fc.weight"] @ features + state["_fc.bias"]).argmax() == label


def test_a_transposed_tensor_is_read_in_its_own_order() -> None:
    columns = _rebuild(_Storage("0", "<f4"), 1, (2, 3), (1, 2), False, OrderedDict())
    assert columns.array(np.arange(7)).tolist() == [[1, 3, 5], [2, 4, 6]]


def test_a_changed_file_is_refused(payload: bytes) -> None:
    changed = bytearray(payload)
    changed[-1] ^= 1
    with pytest.raises(ConfigError, match="not the known one"):
        read_state(bytes(changed), "weights")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_a_pickle_that_names_other_code_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(pickle.UnpicklingError, match="has no place in a weights file"):
        parse_state(legacy_file(OrderedDict(a=Evil())))
    assert capsys.readouterr().out == ""


def test_weights_of_another_backbone_are_refused() -> None:
    with pytest.raises(ConfigError, match="are not of MobileNetV2"):
        load_backbone(Pretrained("mobilenet_v2", efficientnet_lite0.NAME), 64)


@pytest.mark.parametrize(
    ("model", "weights", "said"),
    [("auto", "none", True), ("padim", "none", True), ("cnn", "none", False)],
)
def test_what_is_lost_without_weights_is_said(model: str, weights: str, said: bool) -> None:
    text = missing_weights(FitConfig(model=model, weights=weights), "image-class", model)
    assert ("starts at random" in text and "Cure: " in text) == said
