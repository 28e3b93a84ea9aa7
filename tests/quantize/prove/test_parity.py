"""Each way in which a station can differ from the workshop, and the link of parity that breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import BundleError, InputError, ParityError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.image import input as image_contract
from edge_agent.contracts.image.input import prepare_tiles
from edge_agent.contracts.model.bundle import Bundle, read_bundle, write_bundle
from edge_agent.contracts.model.scoring import dequantise, quantise
from edge_agent.contracts.vibration import input as vibration_contract
from edge_agent.infer import inspector as inspector_module
from edge_agent.infer import self_test as parity
from edge_agent.infer.inspector import load_inspector
from edge_agent.infer.parity_vectors import read_vectors
from quantize.__main__ import main
from quantize.graph.read import parse_graph
from quantize.workflow.convert import Order, convert

Patch = pytest.MonkeyPatch


def rewritten(bundle: Bundle, path: Path, **changes: Any) -> Bundle:
    """The bundle with a changed specification: `labels=`, `scoring=`, ... or `inputs=`."""
    manifest = bundle.manifest
    tensors = {key: changes.pop(key) for key in ("inputs", "outputs") if key in changes}
    spec = manifest.spec.model_copy(update=changes)
    changed = manifest.model_copy(update={"spec": spec, **tensors})
    write_bundle(path, changed, bundle.files)
    return read_bundle(path)


@pytest.fixture
def discs(image_bundle: Path) -> Bundle:
    return read_bundle(image_bundle)


@pytest.fixture
def motor(vibration_bundle: Path) -> Bundle:
    return read_bundle(vibration_bundle)


def test_the_vectors_hold_where_they_were_made(discs: Bundle, motor: Bundle) -> None:
    for bundle in (discs, motor):
        report = load_inspector(bundle).parity
        assert report is not None
        assert report.n >= 6
        assert report.worst_quanta == 0


def test_the_vectors_are_real_samples_and_hard_cases(discs: Bundle, motor: Bundle) -> None:
    images = {vector.entry.name for vector in read_vectors(discs)[1]}
    assert {"golden-0", "golden-3", "odd-jpeg", "black", "saturated", "noisy"} <= images
    signals = {vector.entry.name: vector.entry for vector in read_vectors(motor)[1]}
    assert {"golden-0", "golden-1", "silent", "saturated", "noisy"} <= set(signals)
    assert signals["not-a-number"].refused


def test_red_and_blue_swapped_is_caught(discs: Bundle, monkeypatch: Patch) -> None:
    def swapped(image: Any, spec: Any) -> Any:
        return np.ascontiguousarray(np.stack(list(prepare_tiles(image, spec)))[..., ::-1])

    monkeypatch.setattr(parity, "prepare_tiles", swapped)
    with pytest.raises(ParityError, match="other pixels"):
        load_inspector(discs)


def test_a_decoder_that_gives_bgr_is_caught(discs: Bundle, monkeypatch: Patch) -> None:
    def bgr(payload: bytes, where: str) -> Any:
        return cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)

    monkeypatch.setattr(parity, "decode_image", bgr)
    with pytest.raises(ParityError, match="golden-0 is prepared to other pixels"):
        load_inspector(discs)


@pytest.mark.parametrize("method", [cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_another_interpolation_is_caught(discs: Bundle, monkeypatch: Patch, method: int) -> None:
    def other(image: Any, width_px: int, height_px: int) -> Any:
        return cv2.resize(image, (width_px, height_px), interpolation=method)

    monkeypatch.setattr(image_contract, "_resize", other)
    with pytest.raises(ParityError, match="other pixels"):
        load_inspector(discs)


def test_quanta_of_finer_tensors_are_as_coarse_as_those_of_int8() -> None:
    assert parity.quantum_of(np.zeros(3, np.int8)) == 1
    assert parity.quantum_of(np.zeros(3, np.uint8)) == 1
    assert parity.quantum_of(np.zeros(3, np.int16)) == 256
    assert parity.quantum_of(np.array([0.5, -64.0], np.float32)) == 0.25


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["int16x8", "float16"])
def test_a_grey_level_of_rounding_is_no_mismatch_in_finer_networks(
    variant: Any, image_run: Path, tmp_path: Path, monkeypatch: Patch
) -> None:
    order = Order(image_run, tmp_path / "fine.bundle", samples=64, variant=variant)
    convert(order, lambda text: None)
    bundle = read_bundle(order.out)

    def off_by(levels: int) -> Any:
        def prepare(image: Any, spec: Any) -> Any:
            tiles = np.stack(list(prepare_tiles(image, spec))).astype(np.int16)
            some = tiles[:, ::8, ::8]
            some += np.where(some < 128, levels, -levels).astype(np.int16)
            return tiles.astype(np.uint8)

        return prepare

    monkeypatch.setattr(parity, "prepare_tiles", off_by(1))
    assert load_inspector(bundle).parity is not None
    monkeypatch.setattr(parity, "prepare_tiles", off_by(3))
    with pytest.raises(ParityError, match="other pixels"):
        load_inspector(bundle)


def test_a_crop_off_by_one_is_caught(discs: Bundle, monkeypatch: Patch) -> None:
    whole = image_contract._region

    def shifted(image: Any, region: Any) -> Any:
        return whole(image, region)[:, 1:]

    monkeypatch.setattr(image_contract, "_region", shifted)
    with pytest.raises(ParityError, match="other pixels"):
        load_inspector(discs)


def test_a_wrong_zero_point_in_the_code_is_caught(discs: Bundle, monkeypatch: Patch) -> None:
    def shifted(values: Any, scale: float, zero_point: int) -> Any:
        return dequantise(values * np.float32([1, 0.5]), scale, zero_point)

    monkeypatch.setattr(inspector_module, "dequantise", shifted)
    with pytest.raises(ParityError, match="scores"):
        load_inspector(discs)


def test_a_wrong_zero_point_of_the_input_is_caught(motor: Bundle, monkeypatch: Patch) -> None:
    def shifted(values: Any, scale: float, zero_point: int, dtype: str) -> Any:
        return quantise(values, scale, zero_point + 2, dtype)

    monkeypatch.setattr(inspector_module, "quantise", shifted)
    with pytest.raises(ParityError, match="2 quanta apart"):
        load_inspector(motor)


def test_a_truncating_quantiser_is_caught_or_within_one_quantum(
    motor: Bundle, monkeypatch: Patch
) -> None:
    def halved(values: Any, scale: float, zero_point: int, dtype: str) -> Any:
        return quantise(values * np.float32(0.5), scale, zero_point, dtype)

    monkeypatch.setattr(inspector_module, "quantise", halved)
    with pytest.raises(ParityError, match="quanta apart"):
        load_inspector(motor)


def test_a_zero_point_in_the_manifest_is_caught(discs: Bundle, tmp_path: Path) -> None:
    wrong = discs.manifest.outputs[0].model_copy(update={"zero_point": 3})
    bundle = rewritten(discs, tmp_path / "b.bundle", outputs=[wrong])
    with pytest.raises(BundleError, match=r"model\.tflite: output 0 is int8 .* zero point"):
        load_inspector(bundle)


def test_stale_labels_are_caught(discs: Bundle, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "b.bundle"
    rewritten(discs, path, labels=discs.manifest.spec.labels[::-1])
    assert main(["verify", str(path)]) == 1
    assert "labels ['good', 'bad']" in capsys.readouterr().err


def test_another_good_label_is_caught(discs: Bundle, tmp_path: Path) -> None:
    bundle = rewritten(discs, tmp_path / "b.bundle", good=["bad"])
    with pytest.raises(ParityError, match=r"good labels \['bad'\]"):
        load_inspector(bundle)


def test_another_threshold_is_caught(discs: Bundle, tmp_path: Path) -> None:
    scoring = discs.manifest.spec.scoring.model_copy(update={"threshold": 0.9})
    bundle = rewritten(discs, tmp_path / "b.bundle", scoring=scoring)
    with pytest.raises(ParityError, match=r"threshold 0\.9, the workshop verified 0\.5"):
        load_inspector(bundle)


def test_another_model_of_the_same_shape_is_caught(discs: Bundle, tmp_path: Path) -> None:
    model = bytearray(discs.model)
    weights = max(parse_graph(discs.model, "model").tensors, key=lambda tensor: len(tensor.data))
    first = model.find(weights.data)
    model[first : first + len(weights.data)] = bytes(len(weights.data))
    path = tmp_path / "b.bundle"
    files = {**discs.files, "model.tflite": bytes(model)}
    write_bundle(path, discs.manifest, files)
    with pytest.raises(ParityError, match="quanta apart"):
        load_inspector(read_bundle(path))


def test_a_station_that_swallows_nan_is_caught(motor: Bundle, monkeypatch: Patch) -> None:
    whole = vibration_contract.prepare_recording

    def swallowing(recording: Recording, spec: Any) -> Any:
        signal = np.nan_to_num(recording.signal)
        return whole(Recording(signal, recording.rate_hz, recording.axes), spec)

    monkeypatch.setattr(parity, "prepare_recording", swallowing)
    with pytest.raises(ParityError, match="not-a-number is not judgeable, and was not refused"):
        load_inspector(motor)


def test_a_bundle_refuses_the_other_kind_of_input(discs: Bundle, motor: Bundle) -> None:
    with pytest.raises(InputError, match="judges vibration, not images"):
        load_inspector(motor).inspect_image(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match="judges images, not vibration"):
        load_inspector(discs).inspect_recording(
            Recording(np.zeros((256, 1), np.float32), 1000.0, ("x",))
        )


def test_an_older_runtime_than_the_manifest_asks_is_refused(discs: Bundle, tmp_path: Path) -> None:
    manifest = discs.manifest.model_copy(update={"runtime": "litert>=99.0"})
    write_bundle(tmp_path / "b.bundle", manifest, discs.files)
    with pytest.raises(BundleError, match=r"needs litert>=99\.0"):
        load_inspector(read_bundle(tmp_path / "b.bundle"))
