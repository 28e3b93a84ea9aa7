"""Each way in which a station can differ from the workshop, and the link of parity that breaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import BundleError, InputError, ParityError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.bundle import Bundle, read_bundle, write_bundle
from edge_agent.contracts.model.scoring import quantise
from edge_agent.infer import self_test as parity
from edge_agent.infer.bundle_inspector import BundleInspector, load_inspector
from edge_agent.infer.parity_vectors import Vector, read_vectors
from edge_agent.infer.runtime_choice import open_runtime
from edge_agent.infer.self_test import _check_tensor, verify_parity
from quantize.__main__ import main
from quantize.graph.read import parse_graph
from quantize.workflow.convert import ConvertRequest, convert


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


def test_red_and_blue_swapped_is_caught(discs: Bundle) -> None:
    def swapped(image: object) -> Any:
        return np.ascontiguousarray(discs.manifest.spec.input.prepare(image)[..., ::-1])

    with pytest.raises(ParityError, match="other pixels"):
        verify_parity(load_inspector(discs, verify=False), discs, prepare=swapped)


def test_a_decoder_that_gives_bgr_is_caught(discs: Bundle) -> None:
    def bgr(payload: bytes, where: str) -> Any:
        return cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)

    with pytest.raises(ParityError, match="golden-0 is prepared to other pixels"):
        verify_parity(load_inspector(discs, verify=False), discs, decode=bgr)


@pytest.mark.parametrize("method", [cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_another_interpolation_is_caught(discs: Bundle, method: int) -> None:
    height, width, _ = discs.manifest.spec.input.shape

    def other(image: Any) -> Any:
        return cv2.resize(image, (width, height), interpolation=method)[None]

    with pytest.raises(ParityError, match="other pixels"):
        verify_parity(load_inspector(discs, verify=False), discs, prepare=other)


@pytest.mark.parametrize(("levels", "holds"), [(1, True), (4, False)])
def test_of_a_standardised_picture_what_one_level_becomes_is_allowed(
    levels: int, *, holds: bool
) -> None:
    """OpenCV's resampling differs by a level on arm64; a picture of little contrast makes five."""
    rng = np.random.default_rng(2)
    frame = np.clip(rng.normal(90, 8, (32, 32, 3)), 0, 255).astype(np.uint8)
    spec = ImageInput(width_px=32, height_px=32, standardise=True)
    wanted = spec.prepare(frame)
    moved = frame.copy()
    moved[5, 5:9] += np.uint8(levels)
    found = spec.prepare(moved)
    assert np.abs(found.astype(int) - wanted).max() > 2
    entry = SimpleNamespace(name="faint", tensor_sha256="")
    vector = cast("Vector", SimpleNamespace(entry=entry, tensor=wanted))
    if holds:
        _check_tensor(vector, list(found), spec, lambda: moved)
        return
    with pytest.raises(ParityError, match="levels apart"):
        _check_tensor(vector, list(found), spec, lambda: moved)


@pytest.mark.parametrize("there", [True, False])
def test_other_kernels_are_explained_where_no_cores_are_found(
    discs: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, there: bool
) -> None:
    """LiteRT that cannot read this file leaves XNNPACK out: other outputs of the same pixels."""
    cores = tmp_path / "possible"
    if there:
        cores.write_text("0-3")
    monkeypatch.setattr(parity, "CORES", cores)
    inspector = load_inspector(discs, verify=False)
    invoke = inspector.runtime.invoke
    monkeypatch.setattr(
        inspector.runtime, "invoke", lambda tensors: [one // 2 for one in invoke(tensors)]
    )
    with pytest.raises(ParityError, match="quanta apart") as said:
        verify_parity(inspector, discs)
    assert ("finds no cores" in said.value.cure) is not there


def test_quanta_of_finer_tensors_are_as_coarse_as_those_of_int8() -> None:
    assert parity.quantum_of(np.zeros(3, np.int8)) == 1
    assert parity.quantum_of(np.zeros(3, np.uint8)) == 1
    assert parity.quantum_of(np.zeros(3, np.int16)) == 256
    assert parity.quantum_of(np.array([0.5, -64.0], np.float32)) == 0.25


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["int16x8", "float16"])
def test_a_grey_level_of_rounding_is_no_mismatch_in_finer_networks(
    variant: Any, image_run: Path, tmp_path: Path
) -> None:
    request = ConvertRequest(image_run, tmp_path / "fine.bundle", samples=64, variants=(variant,))
    convert(request, lambda text: None)
    bundle = read_bundle(request.out)

    def off_by(levels: int) -> Any:
        def prepare(image: object) -> Any:
            tiles = bundle.manifest.spec.input.prepare(image).astype(np.int16)
            some = tiles[:, ::8, ::8]
            some += np.where(some < 128, levels, -levels).astype(np.int16)
            return tiles.astype(np.uint8)

        return prepare

    inspector = load_inspector(bundle, verify=False)
    assert verify_parity(inspector, bundle, prepare=off_by(1)).n > 0
    with pytest.raises(ParityError, match="other pixels"):
        verify_parity(inspector, bundle, prepare=off_by(3))


class OtherStation(BundleInspector):
    """An inspector whose arithmetic differs by one mistake from the workshop's."""

    scores_by: Any = np.float32(1)
    input_by: Any = np.float32(1)
    zero_point_by = 0

    def dequantised(self, raw: Any, place: int = 0) -> Any:
        return super().dequantised(raw, place) * self.scores_by

    def tensor(self, prepared: Any) -> Any:
        given = self.runtime.inputs[0]
        values = np.asarray(prepared, np.float32) * self.input_by
        return quantise(values, given.scale, given.zero_point + self.zero_point_by, given.dtype)


def other_station(bundle: Bundle, **mistake: Any) -> BundleInspector:
    """The bundle on a station with that mistake."""
    inspector = OtherStation(bundle.manifest, open_runtime(bundle.model))
    vars(inspector).update(mistake)
    return inspector


def test_a_crop_off_by_one_is_caught(discs: Bundle) -> None:
    def shifted(image: Any) -> Any:
        return discs.manifest.spec.input.prepare(image[:, 1:])

    with pytest.raises(ParityError, match="other pixels"):
        verify_parity(load_inspector(discs, verify=False), discs, prepare=shifted)


def test_a_score_read_by_another_scale_is_caught(discs: Bundle) -> None:
    with pytest.raises(ParityError, match="scores"):
        verify_parity(other_station(discs, scores_by=np.float32([1, 0.5])), discs)


def test_a_wrong_zero_point_of_the_input_is_caught(motor: Bundle) -> None:
    with pytest.raises(ParityError, match="2 quanta apart"):
        verify_parity(other_station(motor, zero_point_by=2), motor)


def test_an_input_of_half_its_scale_is_caught(motor: Bundle) -> None:
    with pytest.raises(ParityError, match="quanta apart"):
        verify_parity(other_station(motor, input_by=np.float32(0.5)), motor)


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


def test_a_station_that_swallows_nan_is_caught(motor: Bundle) -> None:
    def swallowing(raw: object) -> Any:
        cleaned = replace(raw, signal=np.nan_to_num(raw.signal))  # type: ignore[attr-defined, type-var]
        return motor.manifest.spec.input.prepare(cleaned)

    with pytest.raises(ParityError, match="not-a-number is not judgeable, and was not refused"):
        verify_parity(load_inspector(motor, verify=False), motor, prepare=swallowing)


def test_a_bundle_refuses_the_other_kind_of_input(discs: Bundle, motor: Bundle) -> None:
    with pytest.raises(InputError, match="takes vibration input, not an image"):
        load_inspector(motor).inspect(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match="takes image input, not a recording"):
        load_inspector(discs).inspect(Recording(np.zeros((256, 1), np.float32), 1000.0, ("x",)))


def test_an_older_runtime_than_the_manifest_asks_is_refused(discs: Bundle, tmp_path: Path) -> None:
    manifest = discs.manifest.model_copy(update={"runtime": "litert>=99.0"})
    write_bundle(tmp_path / "b.bundle", manifest, discs.files)
    with pytest.raises(BundleError, match=r"needs litert>=99\.0"):
        load_inspector(read_bundle(tmp_path / "b.bundle"))
