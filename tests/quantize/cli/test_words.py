"""The words of the verbs for strangers' models: true of what the runtime does, with a cure."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.model.bundle import read_bundle
from quantize.__main__ import main
from quantize.bench.first_run import first_run
from quantize.graph.read import Graph, Op, TensorInfo
from quantize.prove.compare_models import compare_models
from tests import station_kit

MODELS = Path(__file__).parents[2] / "models"
SMALL = Path(__file__).parents[2] / "edge_agent" / "models" / "brightness.tflite"
CASES = Path(__file__).parents[4] / "shared" / "cases" / "images"


def case(name: str) -> Path:
    path = CASES / name
    if not path.is_file():
        pytest.skip("needs the folder of cases")
    return path


@pytest.mark.parametrize("verb", ["convert", "onnx"])
def test_a_keras_file_is_not_called_a_missing_folder(
    verb: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("config.json", "{}")
    assert main([verb, str(path), "--out", str(tmp_path / "o.bundle")]) == 2
    assert "model.keras: is a network alone: convert a run" in capsys.readouterr().err


def test_a_bundle_that_was_zipped_again_is_to_be_copied(tmp_path: Path) -> None:
    bundle = station_kit.write_image_bundle(tmp_path / "a.bundle")
    with (
        zipfile.ZipFile(bundle) as source,
        zipfile.ZipFile(tmp_path / "again.bundle", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    with zipfile.ZipFile(tmp_path / "outer.bundle", "w") as target:
        target.write(bundle, "a.bundle")
    with pytest.raises(BundleError, match=r"do not unpack a bundle .*copy the bundle again"):
        read_bundle(tmp_path / "again.bundle")
    with pytest.raises(BundleError, match=r"is a ZIP with a bundle inside: unpack it"):
        read_bundle(tmp_path / "outer.bundle")


def test_inspect_has_the_runtimes_own_word(capsys: Any) -> None:
    assert main(["inspect", str(SMALL)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("x86: breaks no rule; runs here in")
    assert main(["inspect", str(SMALL), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs_here"].startswith("litert ")


def test_inspect_refuses_what_bench_refuses(capsys: Any) -> None:
    path = case("inspect-says-runs/transpose_conv0.tflite")
    assert main(["inspect", str(path)]) == 0
    assert "runtime: tensor" in capsys.readouterr().out.splitlines()[-1]
    assert main(["bench", str(path), "--runs", "2"]) == 1
    assert f"{path}: cannot be timed (tensor" in capsys.readouterr().err


def test_a_free_batch_is_one_of_one(capsys: Any) -> None:
    path = case("inspect-says-runs/hello_world_int8.tflite")
    assert main(["inspect", str(path)]) == 0
    assert "breaks no rule; runs here" in capsys.readouterr().out


def test_the_case_of_a_suffix_does_not_matter(tmp_path: Path, capsys: Any) -> None:
    shutil.copy(SMALL, tmp_path / "SMALL.TFLITE")
    assert main(["inspect", str(tmp_path / "SMALL.TFLITE")]) == 0
    assert main(["compare", str(tmp_path / "SMALL.TFLITE"), str(SMALL)]) == 0


@pytest.mark.parametrize("verb", ["verify", "bench"])
def test_a_runtime_that_is_none_is_misuse(verb: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, str(SMALL), "--runtime", "bogus"])
    assert ended.value.code == 2
    assert "litert" in capsys.readouterr().err


def test_two_inputs_are_both_made(capsys: Any) -> None:
    path = str(case("compare-several-tensors/simple_add_model.tflite"))
    assert main(["compare", path, path, "--json"]) == 0
    (output,) = json.loads(capsys.readouterr().out)["outputs"]
    assert output["worst"] == 0
    assert output["correlation"] == pytest.approx(1.0)


def test_every_output_is_compared() -> None:
    first, second = (
        case(f"compare-several-tensors/two_{name}.tflite").read_bytes() for name in "bc"
    )
    same, other = compare_models(first, second).outputs
    assert same.worst == 0
    assert other.worst > 1


def test_one_number_is_not_called_in_agreement() -> None:
    model = case("compare-several-tensors/hello_world_int8.tflite").read_bytes()
    (output,) = compare_models(model, model).outputs
    assert output.agreement is None
    assert output.correlation == pytest.approx(1.0)


def test_an_lstm_multiplies_its_weights_at_every_step() -> None:
    """28 steps, 28 inputs, 20 units: 28 x 4 x 20 x (28 + 20)."""
    tensors = [TensorInfo(0, "in", (1, 28, 28), "INT8", (), (), False, b"")]
    shapes = [(20, 28)] * 4 + [(20, 20)] * 4
    tensors += [
        TensorInfo(place + 1, "w", shape, "INT8", (), (), True, b"x")
        for place, shape in enumerate(shapes)
    ]
    op = Op(0, "UNIDIRECTIONAL_SEQUENCE_LSTM", 1, tuple(range(9)), (0,), {})
    assert Graph(tensors, [op], [0], [0], 1, 0).total_macs == 28 * 4 * 20 * (28 + 20)


def test_what_the_runtime_refuses_has_its_reason() -> None:
    assert first_run(SMALL.read_bytes()).runtime.startswith("litert ")
    assert "refuses it" in first_run(b"\0" * 64).refusal
