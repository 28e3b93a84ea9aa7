from __future__ import annotations

from edge_agent.contracts.model.target_cost import Work
from quantize.graph.read import Graph, Op, TensorInfo
from quantize.graph.work import INT16_AS_FLOAT, work_of


def tensor(
    index: int, shape: tuple[int, ...], dtype: str = "INT8", data: bytes = b""
) -> TensorInfo:
    return TensorInfo(index, f"t{index}", shape, dtype, (), (), bool(data), data)


def op(index: int, name: str, inputs: tuple[int, ...], output: int) -> Op:
    return Op(index, name, 1, inputs, (output,), {})


def test_work_is_counted_by_kind_and_reshapes_cost_nothing() -> None:
    tensors = [
        tensor(0, (1, 4, 4, 3)),
        tensor(1, (8, 3, 3, 3), data=b"w"),
        tensor(2, (1, 4, 4, 8)),
        tensor(3, (1, 3, 3, 8), data=b"w"),
        tensor(4, (1, 4, 4, 8)),
        tensor(5, (1, 16, 8)),
        tensor(6, (1, 16, 8), "FLOAT32"),
        tensor(7, (1, 8, 5), "FLOAT32"),
        tensor(8, (1, 16, 5), "FLOAT32"),
    ]
    ops = [
        op(0, "CONV_2D", (0, 1), 2),
        op(1, "DEPTHWISE_CONV_2D", (2, 3), 4),
        op(2, "RESHAPE", (4,), 5),
        op(3, "DEQUANTIZE", (5,), 6),
        op(4, "BATCH_MATMUL", (6, 7), 8),
    ]
    assert work_of(Graph(tensors, ops, [0], [8], 1, 0)) == Work(
        convolution_macs=16 * 8 * 27,
        depthwise_macs=16 * 8 * 9,
        float_macs=16 * 5 * 8,
        operators=4,
        written_bytes=4 * 16 * 8,
    )


def test_weights_in_half_precision_are_widened_once_and_not_in_every_run() -> None:
    tensors = [
        tensor(0, (1, 16), "FLOAT32"),
        tensor(1, (5, 16), "FLOAT16", data=b"w"),
        tensor(2, (5, 16), "FLOAT32"),
        tensor(3, (1, 5), "FLOAT32"),
    ]
    ops = [op(0, "DEQUANTIZE", (1,), 2), op(1, "FULLY_CONNECTED", (0, 2), 3)]
    assert work_of(Graph(tensors, ops, [0], [3], 1, 0)) == Work(float_macs=80, operators=1)


def test_int16_is_counted_as_slower_than_float() -> None:
    tensors = [
        tensor(0, (1, 4, 4, 3), "INT16"),
        tensor(1, (8, 3, 3, 3), data=b"w"),
        tensor(2, (1, 4, 4, 8), "INT16"),
    ]
    graph = Graph(tensors, [op(0, "CONV_2D", (0, 1), 2)], [0], [2], 1, 0)
    assert work_of(graph) == Work(float_macs=16 * 8 * 27 * INT16_AS_FLOAT, operators=1)
