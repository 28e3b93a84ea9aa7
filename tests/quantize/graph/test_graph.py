"""inspect, bench and refusals on real and on damaged .tflite files."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.core.errors import BundleError, ConversionError
from quantize.__main__ import main
from quantize.graph.profile import profile
from quantize.graph.read import MAX_BYTES, Graph, Op, TensorInfo, parse_graph, read_graph
from quantize.targets import coral
from quantize.targets.cpu import DRIVER as CPU
from quantize.targets.op_support import refuse_unfit
from quantize.targets.target import Target

SMALL = Path(__file__).parents[2] / "edge_agent" / "models" / "brightness.tflite"


def float_op(name: str, shape: tuple[int, ...], quantised: bool) -> Graph:
    scales = (0.1,) if quantised else ()
    given = TensorInfo(0, "given", shape, "INT8", (0.1,), (0,), constant=False, data=b"")
    middle = TensorInfo(1, "middle", shape, "FLOAT32", (), (), constant=False, data=b"")
    last = TensorInfo(2, "last", shape, "INT8", scales, (0,), constant=False, data=b"")
    ops = [Op(0, name, 1, (0,), (1,), {}), Op(1, name, 1, (1,), (2,), {})]
    return Graph([given, middle, last], ops, [0], [2], 1, 10)


def test_inspect_prints_operators_and_quantisation(capsys: Any) -> None:
    assert main(["inspect", str(SMALL), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["operators"]
    assert document["inputs"][0]["shape"][0] == 1
    assert document["refused"] == []


@pytest.mark.parametrize(
    "name",
    [
        "anomaly_detection/trained_models/ad01_int8.tflite",
        "image_classification/trained_models/pretrainedResnet_quant.tflite",
        "keyword_spotting/trained_models/kws_ref_model.tflite",
        "streaming_wakeword/trained_models/str_ww_ref_model.tflite",
        "visual_wake_words/trained_models/vww_96_int8.tflite",
    ],
)
def test_mlperf_tiny_models_are_inspected(data_dir: Path, name: str) -> None:
    graph = read_graph(data_dir / "mlperf_tiny_models" / name)
    assert graph.total_macs > 200_000
    assert all(op.name != "UNKNOWN" for op in graph.ops)


def test_keyword_spotting_has_the_published_work(data_dir: Path) -> None:
    """2.7 million multiply-accumulates: Banbury et al., MLPerf Tiny Benchmark, 2021, table 1."""
    path = "mlperf_tiny_models/keyword_spotting/trained_models/kws_ref_model.tflite"
    assert read_graph(data_dir / path).total_macs == pytest.approx(2.7e6, rel=0.03)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "not a TFLite flatbuffer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a TFLite flatbuffer"),
        (SMALL.read_bytes()[:200], "truncated or damaged"),
        (SMALL.read_bytes()[:8] + b"\xff" * 500, "truncated or damaged"),
    ],
    ids=["empty", "picture", "truncated", "overwritten"],
)
def test_what_is_no_model_is_refused(
    payload: bytes, words: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(payload)
    assert main(["inspect", str(path)]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "m.tflite" in said


def test_a_file_of_2_gb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.tflite"
    with path.open("wb") as stream:
        stream.truncate(2 << 30)
    assert path.stat().st_size > MAX_BYTES
    with pytest.raises(BundleError, match=r"huge\.tflite: 2048 MiB"):
        read_graph(path)


@pytest.mark.parametrize("verb", ["verify", "inspect", "bench"])
def test_a_bundle_of_2_gb_is_refused_unread(verb: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "huge.bundle"
    with path.open("wb") as stream:
        stream.truncate(2 << 30)
    assert main([verb, str(path)]) == 1
    assert "huge.bundle: 2048 MiB, a bundle has at most 512" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["bench"], ["compare", str(SMALL)]], ids=lambda words: words[0])
def test_every_verb_refuses_a_truncated_model(verb: list[str], tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(SMALL.read_bytes()[:900])
    assert main([*verb, str(path)]) == 1
    assert "cut.tflite: truncated or damaged" in capsys.readouterr().err


def test_a_missing_file_is_named(tmp_path: Path, capsys: Any) -> None:
    assert main(["inspect", str(tmp_path / "no.tflite")]) == 1
    assert "no.tflite: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (float_op("ERF", (1, 8), quantised=True), "ERF works on FLOAT32"),
        (float_op("ADD", (1, -1), quantised=True), "input given is"),
        (float_op("CUSTOM:MyOp", (1, 8), quantised=True), "operator CUSTOM:MyOp"),
        (float_op("ADD", (1, 2, 2, 2, 2), quantised=True), "5-D tensor given"),
    ],
    ids=["float-only operator", "dynamic shape", "custom operator", "5-D tensor"],
)
def test_a_model_that_no_station_runs_is_refused(graph: Graph, words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        refuse_unfit(graph, "run/model.keras")


def test_the_float_head_of_a_detector_may_have_five_dimensions() -> None:
    graph = float_op("BATCH_MATMUL", (1, 2, 2, 2, 2), quantised=False)
    places = [replace(one, dtype="FLOAT32", scales=()) for one in graph.tensors[1:]]
    given = replace(graph.tensors[0], shape=(1, 4, 4, 1))
    refuse_unfit(replace(graph, tensors=[given, *places]), "run/model.keras")


@pytest.mark.parametrize("target", CPU.rows, ids=lambda row: row.name)
def test_no_cpu_is_said_to_refuse_the_float_head_that_convert_packs(target: Target) -> None:
    graph = float_op("FULLY_CONNECTED", (1, 8), quantised=True)
    head = replace(graph.tensors[2], dtype="FLOAT32", scales=())
    assert target.faults(replace(graph, tensors=[*graph.tensors[:2], head])) == []
    assert [one.rule for one in target.faults(graph)] == ["integers only"] * 2


def test_compiled_for_edge_tpu_is_inspected_and_refused(data_dir: Path, capsys: Any) -> None:
    path = data_dir / "coral_models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite"
    assert main(["inspect", str(path), "--target", "coral-usb"]) == 0
    assert "is compiled for Edge TPU already" in capsys.readouterr().out
    assert main(["bench", str(path), "--threads", "1"]) == 4
    assert "libedgetpu.so.1: cannot be loaded" in capsys.readouterr().err


def test_models_on_one_chip_are_counted_together(capsys: Any, data_dir: Path) -> None:
    path = str(data_dir / "coral_models" / "tf2_mobilenet_v2_1.0_224_ptq.tflite")
    words = ["inspect", path, "--target", "coral-usb", "--json"]
    assert main(words) == 0
    alone = json.loads(capsys.readouterr().out)
    assert main([*words, "--beside", path, "--beside", path]) == 0
    crowded = json.loads(capsys.readouterr().out)
    assert alone["fits"]
    assert not crowded["fits"]
    assert crowded["refused"][-1]["rule"] == "memory"
    assert f"{3 * alone['parameter_bytes'] / 2**20:.1f} MiB" in crowded["refused"][-1]["what"]


def test_profile_has_every_operator_once() -> None:
    model = SMALL.read_bytes()
    graph = parse_graph(model, "model")
    slices = profile(model, graph, runs=5)
    assert [one.op for one in slices] == [op.index for op in graph.ops]
    assert all(one.ms >= 0 for one in slices)


def test_targets_are_printed_whole(capsys: Any) -> None:
    assert main(["targets", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    names = {"x86", "rpi4", "rpi5", "jetson", "coral-usb", "coral-dev", "coral-m2"}
    assert set(rows) == names
    assert rows["coral-usb"]["per_tensor_dense"]
    assert all(row["latency_source"] for row in rows.values())


def test_the_compiler_on_the_path_is_called(tmp_path: Path, monkeypatch: Any) -> None:
    program = tmp_path / coral.COMPILER
    program.write_text(
        "#!/bin/sh\ncp $4 $3/model_edgetpu.tflite\n"
        "echo 'CONV_2D   3   Mapped to Edge TPU' > $3/model_edgetpu.log\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert coral.has_compiler()
    twin, log = coral.compile_model(b"network")
    assert twin == b"network"
    assert (log[0].operator, log[0].count, log[0].mapped) == ("CONV_2D", 3, True)
    program.write_text("#!/bin/sh\necho 'Model not quantized' >&2\nexit 1\n")
    with pytest.raises(ConversionError, match="Model not quantized"):
        coral.compile_model(b"network")
