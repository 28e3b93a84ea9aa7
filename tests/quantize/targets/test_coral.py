"""Every rule of the static checker with a graph that breaks it, and Coral's own pairs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quantize.graph.read import Graph, Op, TensorInfo, read_graph
from quantize.targets.coral import MEMORY_BYTES, OP_RULES, parse_log, predict
from quantize.targets.op_support import fault_lines

SHAPE = (1, 8, 8, 4)


def tensor(
    index: int,
    shape: tuple[int, ...] = SHAPE,
    dtype: str = "INT8",
    scales: tuple[float, ...] = (0.1,),
    data: bytes = b"",
) -> TensorInfo:
    zeros = (0,) * len(scales)
    return TensorInfo(index, f"t{index}", shape, dtype, scales, zeros, bool(data), data)


def ints(index: int, *values: int) -> TensorInfo:
    data = np.array(values, np.int32).tobytes()
    return tensor(index, (len(values),), "INT32", (), data)


def graph_of(
    name: str,
    *constants: TensorInfo,
    given: TensorInfo | None = None,
    gives: TensorInfo | None = None,
    version: int = 1,
    **options: object,
) -> Graph:
    """One operator between tensors 0 and 1, with constants from 2 on."""
    tensors = [given or tensor(0), gives or tensor(1), *constants]
    inputs = (0, *range(2, len(tensors)))
    op = Op(0, name, version, inputs, (1,), options)
    return Graph(tensors, [op], [0], [1], 1, 100)


WEIGHTS = tensor(2, (4, 256), data=bytes(1024))
BIAS = tensor(3, (4,), "INT32", data=bytes(16))
DENSE_OUT = tensor(1, (1, 4))
WIDE = tensor(2, (4, 256), scales=(0.1, 0.2, 0.3, 0.4), data=bytes(1024))
KERNEL = tensor(2, (4, 3, 3, 4), data=bytes(144))

BROKEN = {
    "operator": graph_of("ARG_MAX"),
    "integers only": graph_of("ADD", given=tensor(0, dtype="FLOAT32")),
    "operator version": graph_of("FULLY_CONNECTED", WEIGHTS, gives=DENSE_OUT, version=12),
    "three dimensions": graph_of("ADD", gives=tensor(1, (2, 8, 8, 4))),
    "bare pooling": graph_of("MAX_POOL_2D", fusedActivationFunction=1),
    "equal dilation": graph_of("CONV_2D", KERNEL, dilationWFactor=2, dilationHFactor=1),
    "one dense scale": graph_of("FULLY_CONNECTED", WIDE, gives=DENSE_OUT),
    "constant bias": graph_of("CONV_2D", KERNEL, tensor(3, (4,), "INT32")),
    "axes": graph_of("MEAN", ints(2, 0)),
    "softmax": graph_of("SOFTMAX", given=tensor(0, (1, 20_000)), gives=tensor(1, (1, 20_000))),
    "resize": graph_of("RESIZE_BILINEAR", gives=tensor(1, (1, 128, 128, 4))),
    "strides": graph_of("STRIDED_SLICE", ints(2, 0), ints(3, 8), ints(4, 2)),
    "slope": graph_of("PRELU", tensor(2, (8, 8, 4), data=bytes(256))),
}

SOUND = {
    "conv": graph_of("CONV_2D", KERNEL, BIAS, version=3),
    "dense": graph_of("FULLY_CONNECTED", WEIGHTS, BIAS, gives=DENSE_OUT, version=4),
    "mean": graph_of("MEAN", ints(2, 1, 2), gives=tensor(1, (1, 4))),
    "pad": graph_of("PAD", ints(2, 0, 0, 1, 1, 1, 1, 0, 0), gives=tensor(1, (1, 10, 10, 4))),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_named(rule: str) -> None:
    predicted = predict(BROKEN[rule])
    assert rule in [fault.rule for fault in predicted.faults]
    assert predicted.mapped == []


def test_every_rule_has_a_graph_that_breaks_it() -> None:
    assert set(BROKEN) == set(OP_RULES)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_operator_maps(name: str) -> None:
    assert predict(SOUND[name]).whole


@pytest.mark.parametrize(
    ("rule", "graph"),
    [
        ("one subgraph", replace(SOUND["conv"], subgraphs=2)),
        ("static shapes", graph_of("ADD", given=tensor(0, (-1, 8, 8, 4)))),
        ("batch of 1", graph_of("ADD", given=tensor(0, (4, 8)), gives=tensor(1, (4, 8)))),
        ("not compiled twice", graph_of("CUSTOM:edgetpu-custom-op")),
        (
            "quantised",
            graph_of(
                "ADD",
                tensor(2, dtype="FLOAT32", scales=(), data=bytes(64)),
                given=tensor(0, dtype="FLOAT32", scales=()),
                gives=tensor(1, dtype="FLOAT32", scales=()),
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_of_the_whole_model_is_named(rule: str, graph: Graph) -> None:
    assert predict(graph).faults[0].rule == rule


def test_parameters_are_summed_over_models_on_the_chip() -> None:
    assert predict(SOUND["conv"], MEMORY_BYTES - 1000).fits
    predicted = predict(SOUND["conv"], MEMORY_BYTES)
    assert not predicted.fits
    assert "streamed on every run" in predicted.faults[-1].what


def test_what_follows_an_unmapped_operator_stays_on_the_cpu() -> None:
    tensors = [tensor(place) for place in range(4)]
    kernel = replace(KERNEL, index=4)
    ops = [
        Op(0, "CONV_2D", 3, (0, 4), (1,), {}),
        Op(1, "ARG_MAX", 1, (1,), (2,), {}),
        Op(2, "CONV_2D", 3, (2, 4), (3,), {}),
    ]
    graph = Graph([*tensors, kernel], ops, [0], [3], 1, 100)
    predicted = predict(graph)
    assert predicted.mapped == [0]
    assert predicted.mac_share == 0.5
    assert predicted.sentence(graph).endswith("1 of 3 operators, 50% of the multiply-accumulates")


def test_several_looks_at_once_are_named_with_their_cure() -> None:
    found = predict(BROKEN["three dimensions"]).faults
    assert found[0].what == "ADD gives a tensor of shape (2, 8, 8, 4): fit with tta_views = 1"


def test_a_rule_that_many_operators_break_is_said_once() -> None:
    ops = [Op(place, "ARG_MAX", 1, (place,), (place + 1,), {}) for place in range(3)]
    graph = Graph([tensor(place) for place in range(4)], ops, [0], [3], 1, 100)
    assert fault_lines(predict(graph).faults) == ["operator: ARG_MAX is not supported (and 2 more)"]


PAIRS = [
    "deeplabv3_mnv2_dm05_pascal_quant",
    "keras_lstm_mnist_ptq",
    "mobilenet_v1_0.25_128_quant",
    "demo-manufacturing/classifier",
]


@pytest.mark.parametrize("name", PAIRS)
def test_prediction_is_what_corals_compiler_did(data_dir: Path, name: str) -> None:
    folder = data_dir / "coral_models"
    graph = read_graph(folder / f"{name}.tflite")
    twin = read_graph(folder / f"{name}_edgetpu.tflite")
    predicted = set(predict(graph).mapped)
    left = Counter(op.name for op in graph.ops if op.index not in predicted)
    really_left = Counter(op.name for op in twin.ops if not op.name.startswith("CUSTOM"))
    assert left == really_left


def test_prediction_is_what_the_compilers_log_says(data_dir: Path) -> None:
    folder = data_dir / "coral_models" / "demo-manufacturing"
    log = parse_log((folder / "classifier_edgetpu.log").read_text())
    graph = read_graph(folder / "classifier.tflite")
    mapped = Counter(graph.ops[place].name for place in predict(graph).mapped)
    assert mapped == {row.operator: row.count for row in log if row.mapped}


def test_a_log_tells_what_was_not_mapped_and_why(data_dir: Path) -> None:
    path = "ssdlite_mobiledet_coco_qat_postprocess_edgetpu.log"
    log = parse_log((data_dir / "coral_models" / "demo-manufacturing" / path).read_text())
    (custom,) = [row for row in log if not row.mapped]
    assert custom.operator == "CUSTOM"
    assert custom.status == "Operation is working on an unsupported data type"
