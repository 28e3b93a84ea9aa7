from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.core.errors import ConfigError, GateError
from edge_agent.contracts.image.decode import decode_image
from edge_agent.contracts.model.bundle import read_bundle, write_bundle
from edge_agent.contracts.vibration.recordings import read_recording
from edge_agent.infer.bundle_inspector import load_inspector
from quantize.__main__ import main
from quantize.graph.read import parse_graph
from quantize.pack.bundle import next_version
from quantize.pack.output import bundle_there
from quantize.prove.gate import Limits
from quantize.workflow.convert import ConvertRequest, convert
from tests.quantize.conversion_cache import ConversionCache


def test_image_bundle_takes_pixels_as_they_are(image_bundle: Path) -> None:
    manifest = read_bundle(image_bundle).manifest
    (given,) = manifest.inputs
    assert (given.dtype, given.scale, given.zero_point) == ("uint8", 1.0, 0)
    assert given.shape == [1, 32, 32, 3]
    assert manifest.outputs[0].dtype == "int8"


def test_vibration_bundle_takes_int8(vibration_bundle: Path) -> None:
    (given,) = read_bundle(vibration_bundle).manifest.inputs
    assert (given.dtype, given.shape) == ("int8", [1, 128, 1])


def test_files_of_the_working_folder_are_not_taken_for_modules(
    image_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code.py").write_text("raise OSError('not the module that was meant')")
    monkeypatch.chdir(tmp_path)
    request = ConvertRequest(image_run.resolve(), tmp_path / "x.bundle", variants=("float32",))
    assert convert(request, lambda text: None).manifest.version == "0.1.0"


def test_the_float_network_is_run_once_for_all_variants(
    image_run: Path, tmp_path: Path, converter: ConversionCache
) -> None:
    float_runs: list[bool] = []

    def observed(*given: Any, float_outputs: Any, **named: Any) -> Any:
        float_runs.append(float_outputs is None)
        return converter(*given, float_outputs=float_outputs, **named)

    strict, out = Limits(accuracy=-1.0), tmp_path / "x.bundle"
    request = ConvertRequest(image_run, out, variants=("int8", "float32"), limits=strict)
    with pytest.raises(GateError):
        convert(request, lambda text: None, observed)
    assert float_runs == [True, False]


def test_for_a_coral_it_says_what_the_accelerator_will_run(
    image_run: Path, tmp_path: Path, converter: ConversionCache
) -> None:
    said: list[str] = []
    request = ConvertRequest(image_run, tmp_path / "discs.bundle", target="coral-usb")
    convert(request, said.append, converter)
    assert "100% of the multiply-accumulates" in " ".join(said)


def test_golden_samples_are_judged_as_the_bundle_says(image_bundle: Path) -> None:
    bundle = read_bundle(image_bundle)
    inspector = load_inspector(bundle)
    for name in sorted(bundle.files):
        if name.endswith(".png"):
            judgement = inspector.inspect(decode_image(bundle.files[name], name))
            assert judgement.label == Path(name).name.split("-")[0]


def test_golden_recordings_are_read_without_scipy(vibration_bundle: Path, tmp_path: Path) -> None:
    bundle = read_bundle(vibration_bundle)
    inspector = load_inspector(bundle)
    names = [name for name in bundle.files if name.endswith(".npz") and "golden/" in name]
    assert names
    for name in names:
        path = tmp_path / Path(name).name
        path.write_bytes(bundle.files[name])
        judgement = inspector.inspect(read_recording(path, ["x"]))
        assert judgement.label == path.name.split("-")[0]


def test_compare_and_verify_pass(image_run: Path, image_bundle: Path, capsys) -> None:
    assert main(["compare", str(image_run), str(image_bundle)]) == 0
    assert "260 held-out samples" in capsys.readouterr().out
    assert main(["verify", str(image_bundle)]) == 0
    assert "parity vectors hold" in capsys.readouterr().out


def test_the_card_and_the_report_tell_of_the_conversion(image_bundle: Path) -> None:
    bundle = read_bundle(image_bundle)
    card = bundle.files["card.md"].decode()
    assert card.startswith("# discs")
    assert "| accuracy |" in card
    page = bundle.files["report.html"].decode()
    assert "<h1>Report</h1>" in page
    assert "Float beside the quantised network" in page


def test_another_conversion_to_the_same_file_is_a_newer_version(image_bundle: Path) -> None:
    assert read_bundle(image_bundle).manifest.version == "0.1.0"
    assert next_version(bundle_there(image_bundle, "discs")) == "0.1.1"
    assert next_version(bundle_there(image_bundle.with_name("new.bundle"), "discs")) == "0.1.0"
    with pytest.raises(ConfigError, match="is the bundle of discs, not of motor"):
        bundle_there(image_bundle, "motor")


def test_compare_fails_above_the_limits_and_names_the_sample(
    image_run: Path, image_bundle: Path, tmp_path: Path, capsys: Any
) -> None:
    """The float network is said to have failed every bad part; int8 passes some of them."""
    run = Path(shutil.copytree(image_run, tmp_path / "run"))
    bundle = read_bundle(image_bundle)
    strict = bundle.manifest.spec.scoring.model_copy(update={"threshold": 1.0})
    spec = bundle.manifest.spec.model_copy(update={"scoring": strict})
    lenient = tmp_path / "lenient.bundle"
    manifest = bundle.manifest.model_copy(update={"spec": spec})
    write_bundle(lenient, manifest, bundle.files)
    assert main(["compare", str(run), str(lenient)]) == 1
    said = capsys.readouterr()
    assert "new escape" in said.out
    assert "bad parts newly passed, 0 allowed" in said.err
    # A part that passes has the good label: new escapes are wrong labels too.
    waived = ["--allow", "escapes", "--allow", "agreement", "--allow", "accuracy"]
    assert main(["compare", str(run), str(lenient), *waived]) == 0


def test_convert_above_the_limits_writes_nothing(
    image_run: Path, tmp_path: Path, converter: ConversionCache
) -> None:
    """Predictions of a network that was never wrong by a hair: the limit is below zero."""
    out = tmp_path / "out.bundle"
    request = ConvertRequest(image_run, out, variants=("int8",), limits=Limits(accuracy=-0.5))
    with pytest.raises(GateError, match="int8 against float on 260 held-out samples"):
        convert(request, lambda text: None, converter)
    assert not out.exists()


@pytest.mark.slow
def test_limits_of_the_command_line_are_those_of_the_gate(
    image_run: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out.bundle"
    words = ["convert", str(image_run), "--out", str(out), "--variant", "int8"]
    assert main([*words, "--max-accuracy-loss", "-0.5", "--calibration", "16"]) == 1
    assert "error: int8 against float on 260 held-out samples" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["int8", "mixed"])
def test_a_float_head_stays_in_float(variant: Any, exact_run: Path, tmp_path: Path) -> None:
    request = ConvertRequest(exact_run, tmp_path / "exact.bundle", samples=96, variants=(variant,))
    result = convert(request, lambda text: None)
    assert result.manifest.inputs[0].dtype == "uint8"
    assert result.manifest.outputs[0].dtype == "float32"
    graph = parse_graph(read_bundle(request.out).model, "model.tflite")
    dtypes = {op.name: graph.tensors[op.outputs[0]].dtype for op in graph.ops}
    assert dtypes["FULLY_CONNECTED"] == "FLOAT32"
    assert "INT8" in {graph.tensors[op.outputs[0]].dtype for op in graph.ops}
    assert result.comparison.agreement >= 0.995


@pytest.mark.slow
def test_a_recurrent_network_is_unrolled_and_converted(recurrent_run: Path, tmp_path: Path) -> None:
    waived = ["auroc", "accuracy", "escapes", "agreement"]
    request = ConvertRequest(recurrent_run, tmp_path / "gru.bundle", samples=32, allowed=waived)
    result = convert(request, lambda text: None)
    assert "layer memory was unrolled" in result.converted.notes
    assert load_inspector(read_bundle(request.out)).parity is not None
