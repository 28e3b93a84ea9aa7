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
from trainer.__main__ import main
from trainer.config.fit import FitConfig
from trainer.models.image import efficientnet_lite0
from trainer.models.image.backbone import backbone_name, load_backbone, resolve_weights
from trainer.models.image.efficientnet_lite0 import (
    _rebuild,
    _Storage,
    packaged_weights,
    parse_state,
    read_state,
)
from trainer.models.image.transfer import TransferOptions
from trainer.workflow.fit import missing_weights


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
    network = load_backbone(efficientnet_lite0.NAME, 64)
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
    network = load_backbone(efficientnet_lite0.NAME, 224)
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


def test_auto_takes_the_package_for_images_alone(payload: bytes) -> None:
    assert resolve_weights("auto", "image-class") == efficientnet_lite0.NAME
    assert resolve_weights("auto", "vibration-class") == "none"
    assert resolve_weights("none", "image-class") == "none"
    assert backbone_name("auto", efficientnet_lite0.NAME) == efficientnet_lite0.NAME
    assert backbone_name("auto", "some.weights.h5") == "mobilenet_v2"


def test_weights_of_another_backbone_are_refused() -> None:
    with pytest.raises(ConfigError, match="are not of MobileNetV2"):
        load_backbone(efficientnet_lite0.NAME, 64, "mobilenet_v2")


@pytest.mark.parametrize(
    ("model", "weights", "said"),
    [("auto", "none", True), ("padim", "none", True), ("cnn", "none", False)],
)
def test_what_is_lost_without_weights_is_said(model: str, weights: str, said: bool) -> None:
    text = missing_weights(FitConfig(model=model, weights=weights), "image-class", model)
    assert ("starts at random" in text and "Cure: " in text) == said


def test_the_verb_lists_the_weights(payload: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights"]) == 0
    assert "efficientnet_lite0   ready" in capsys.readouterr().out


def test_transfer_takes_the_backbone_of_the_packaged_weights_by_itself() -> None:
    weights = resolve_weights("auto", "image-class")
    assert backbone_name(TransferOptions().backbone, weights) == "efficientnet_lite0"
    assert backbone_name(TransferOptions().backbone, "mobilenet.weights.h5") == "mobilenet_v2"
