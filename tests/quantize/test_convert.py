from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.bundle import read_bundle
from edge_agent.contracts.image import decode_image
from edge_agent.contracts.recordings import read_recording
from edge_agent.infer.inspector import load_inspector
from quantize.cli import main


def test_image_bundle_takes_pixels_as_they_are(image_bundle: Path) -> None:
    manifest = read_bundle(image_bundle).manifest
    (given,) = manifest.inputs
    assert (given.dtype, given.scale, given.zero_point) == ("uint8", 1.0, 0)
    assert given.shape == [1, 32, 32, 3]
    assert manifest.outputs[0].dtype == "int8"


def test_vibration_bundle_takes_int8(vibration_bundle: Path) -> None:
    (given,) = read_bundle(vibration_bundle).manifest.inputs
    assert (given.dtype, given.shape) == ("int8", [1, 128, 1])


def test_golden_samples_are_judged_as_the_bundle_says(image_bundle: Path) -> None:
    bundle = read_bundle(image_bundle)
    inspector = load_inspector(bundle)
    for name in sorted(bundle.files):
        if name.endswith(".png"):
            judgement = inspector.inspect_image(decode_image(bundle.files[name], name))
            assert judgement.label == Path(name).name.split("-")[0]


def test_golden_recordings_are_read_without_scipy(vibration_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(vibration_bundle)
    inspector = load_inspector(bundle)
    names = [name for name in bundle.files if name.endswith(".npz") and "golden/" in name]
    assert names
    for name in names:
        path = tmp_path / Path(name).name
        path.write_bytes(bundle.files[name])
        judgement = inspector.inspect_recording(read_recording(path, ["x"]))
        assert judgement.label == path.name.split("-")[0]


def test_compare_and_verify_pass(image_run: Path, image_bundle: Path, capsys) -> None:
    assert main(["compare", str(image_run), str(image_bundle)]) == 0
    assert "260 held-out samples" in capsys.readouterr().out
    assert main(["verify", str(image_bundle)]) == 0
    assert "parity vectors hold" in capsys.readouterr().out
