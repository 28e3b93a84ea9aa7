"""The verb `inspect`: what lies in a .tflite file or a bundle, and what a target would refuse."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import CPU_LIMIT_S, isolate
from edge_agent.contracts.core.errors import BundleError
from quantize.targets.all_targets import DEFAULT, all_targets, find_target

if TYPE_CHECKING:
    from quantize.graph.read import Graph, Op
    from quantize.targets.op_support import Fault
    from quantize.targets.target import Target


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    inspect = verbs.add_parser(
        "inspect",
        help="operators, tensors, sizes, and what a target would refuse",
        epilog="example:\n  lineside-quantize inspect castings.bundle --target coral-usb "
        "--beside caps.bundle",
    )
    inspect.add_argument("file", type=Path, metavar="BUNDLE|MODEL.tflite")
    inspect.add_argument(
        "--target", choices=all_targets(), help=f"default: the bundle's, else {DEFAULT}"
    )
    inspect.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="BUNDLE|MODEL.tflite",
        help="another model on the same Edge TPU; repeat for more",
    )
    inspect.add_argument("--json", action="store_true", help="the result as one JSON object")
    inspect.set_defaults(run=_inspect)
    isolate(inspect, "file", CPU_LIMIT_S)


def _inspect(arguments: argparse.Namespace) -> int:
    from quantize.bench.first_run import first_run
    from quantize.graph.read import CONVERT_AGAIN
    from quantize.targets.op_support import Fault

    model, graph, name = _open(arguments.file)
    target = find_target(arguments.target or name)
    resident_bytes = sum(_open(path)[1].parameter_bytes for path in arguments.beside)
    try:
        faults = target.faults(graph, resident_bytes)
        ran = first_run(model)
        if ran.refusal:
            faults = [*faults, Fault("runtime", ran.refusal)]
        if arguments.json:
            text = json.dumps(
                {**_document(graph, faults, target, resident_bytes), "runs_here": ran.runtime}
            )
        else:
            text = "\n".join(_lines(graph, faults, target, resident_bytes, ran.runtime))
    except (IndexError, ArithmeticError) as error:
        what = "its operators and tensors do not fit together"
        raise BundleError(what, where=str(arguments.file), cure=CONVERT_AGAIN) from error
    print(text)
    return 0


def _open(path: Path) -> tuple[bytes, Graph, str]:
    """The model, its graph, and the name of the target it was made for."""
    from edge_agent.contracts.model.bundle import read_bundle
    from quantize.graph.read import is_tflite, parse_graph, read_graph

    if is_tflite(path):
        graph = read_graph(path)
        return path.read_bytes(), graph, DEFAULT
    bundle = read_bundle(path)
    graph = parse_graph(bundle.model, f"{path}: model.tflite")
    return bundle.model, graph, bundle.manifest.target


def _document(
    graph: Graph, faults: list[Fault], target: Target, resident_bytes: int
) -> dict[str, object]:
    from quantize.graph.work import work_of

    return {
        "bytes": graph.size_bytes,
        "parameter_bytes": graph.parameter_bytes,
        "macs": graph.total_macs,
        "subgraphs": graph.subgraphs,
        "inputs": [_tensor(graph, index) for index in graph.inputs],
        "outputs": [_tensor(graph, index) for index in graph.outputs],
        "operators": [_operator(graph, op) for op in graph.ops],
        "target": target.name,
        "predicted_ms": target.cost.predict_ms(work_of(graph)),
        "refused": [{"rule": one.rule, "what": one.what, "op": one.op} for one in faults],
        **target.figures(graph, resident_bytes),
    }


def _tensor(graph: Graph, index: int) -> dict[str, object]:
    tensor = graph.tensors[index]
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": tensor.dtype,
        "scale": tensor.scales[0] if tensor.scales else 0.0,
        "zero_point": tensor.zero_points[0] if tensor.zero_points else 0,
    }


def _operator(graph: Graph, op: Op) -> dict[str, object]:
    weights = [graph.constant(op, index) for index in range(len(op.inputs))]
    size = sum(len(one.data) for one in weights if one is not None)
    output = _tensor(graph, op.outputs[0]) if op.outputs else {}
    return {
        "index": op.index,
        "name": op.name,
        "version": op.version,
        "macs": graph.macs(op),
        "bytes": size,
        "scales": max((len(one.scales) for one in weights if one is not None), default=0),
        "output": output,
    }


def _lines(
    graph: Graph, faults: list[Fault], target: Target, resident_bytes: int, ran: str
) -> list[str]:
    from quantize.graph.work import work_of
    from quantize.targets.op_support import fault_lines

    lines = [
        f"{graph.size_bytes / 1024:.0f} KiB, {graph.parameter_bytes / 1024:.0f} KiB of parameters, "
        f"{graph.total_macs / 1e6:.2f} million multiply-accumulates, {len(graph.ops)} operators"
    ]
    for side, indices in (("input", graph.inputs), ("output", graph.outputs)):
        lines += [f"{side}  {_words(graph, index)}" for index in indices]
    lines.append(f"{'':4} {'operator':24} {'MACs':>12} {'bytes':>9}  output")
    for op in graph.ops:
        row = _operator(graph, op)
        output = _words(graph, op.outputs[0]) if op.outputs else ""
        title = f"{op.name} v{op.version}"
        lines.append(f"{op.index:4} {title:24} {row['macs']:>12} {row['bytes']:>9}  {output}")
    cost = target.cost
    lines.append(
        f"{target.name}: about {cost.predict_ms(work_of(graph)):.2g} ms on one thread, within a "
        f"factor of {cost.within:g} ({cost.source})"
    )
    lines += target.remarks(graph, resident_bytes)
    if not faults:
        tried = f"runs here in {ran}" if ran else "not tried here"
        return [*lines, f"{target.name}: {target.verdict}; {tried}"]
    return [*lines, f"{target.name} refuses:", *(f"- {line}" for line in fault_lines(faults))]


def _words(graph: Graph, index: int) -> str:
    tensor = graph.tensors[index]
    quantised = ""
    if len(tensor.scales) == 1:
        quantised = f" scale {tensor.scales[0]:.6g} zero point {tensor.zero_points[0]}"
    elif tensor.scales:
        quantised = f" {len(tensor.scales)} scales"
    return f"{tensor.dtype} {list(tensor.shape)}{quantised}"
