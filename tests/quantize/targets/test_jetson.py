from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.run_folder.run import open_run
from quantize.graph.read import parse_graph
from quantize.targets.jetson import export_onnx, quantise_symmetric

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [jetson]")
pytest.importorskip("tf2onnx", reason="needs the extra [jetson]")


@pytest.mark.slow
def test_the_onnx_file_says_what_the_float_network_says(image_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "discs.onnx"
    exported = export_onnx(open_run(image_run), out)
    assert out.stat().st_size == exported.size_bytes
    assert exported.n == 200
    assert exported.agreement >= 0.98
    assert exported.correlation >= 0.99
    assert exported.worst_quanta <= 1


@pytest.mark.slow
def test_a_network_that_pools_by_maximum_is_carried_over(
    vibration_run: Path, tmp_path: Path
) -> None:
    exported = export_onnx(open_run(vibration_run), tmp_path / "motor.onnx")
    assert exported.agreement >= 0.98
    assert exported.correlation >= 0.99
    assert exported.worst_quanta <= 1


@pytest.mark.slow
def test_an_exact_head_stays_in_float(exact_run: Path, tmp_path: Path) -> None:
    exported = export_onnx(open_run(exact_run), tmp_path / "exact.onnx")
    assert exported.agreement >= 0.98
    assert exported.correlation >= 0.99
    assert exported.worst_quanta <= 1


@pytest.mark.slow
def test_every_zero_point_is_zero(image_run: Path, tmp_path: Path) -> None:
    from quantize.convert.conversion_process import convert_in_subprocess

    run = open_run(image_run)
    path = tmp_path / "float.tflite"
    path.write_bytes(convert_in_subprocess(run, "float32").model)
    graph = parse_graph(quantise_symmetric(path, run.calibration), "symmetric")
    assert {zero for tensor in graph.tensors for zero in tensor.zero_points} == {0}
    assert np.all([graph.tensors[place].dtype == "INT8" for place in graph.inputs])
