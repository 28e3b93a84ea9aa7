"""The verb `bench`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import count, threads
from edge_agent.contracts.core.command import isolate
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.target_cost import TARGET_COSTS
from edge_agent.infer.runtime_names import AUTO, runtime_names

if TYPE_CHECKING:
    from quantize.bench.measure import Timing
    from quantize.bench.prediction import Prediction
    from quantize.graph.profile import Slice

EDGE_TPU = "edgetpu"


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    bench = verbs.add_parser(
        "bench",
        help="run times, cold start and memory, here or on a station",
        epilog="example:\n  lineside-quantize bench castings.bundle --threads 1 2\n"
        "  lineside-quantize bench castings.bundle --ssh pi@station7 --save",
    )
    bench.add_argument("file", type=Path, metavar="BUNDLE|MODEL.tflite")
    bench.add_argument("--threads", type=threads, nargs="+", default=[1, 2], help="default: 1 2")
    bench.add_argument("--runs", type=count, default=200, help="default: 200")
    bench.add_argument("--profile", action="store_true", help="time every operator, too")
    bench.add_argument(
        "--runtime",
        choices=runtime_names(),
        default=AUTO,
        help="default: auto, the CPU; an accelerator runs the model that was compiled for it",
    )
    bench.add_argument("--ssh", metavar="USER@HOST", help="time it on a station")
    bench.add_argument(
        "--program", default="lineside-quantize", help="its path on the station, where not on PATH"
    )
    bench.add_argument("--ssh-config", type=Path, metavar="FILE", help="as ssh -F")
    bench.add_argument(
        "--save", action="store_true", help="record the result in the card of an unsigned bundle"
    )
    bench.add_argument(
        "--calibrate",
        nargs="?",
        const="",
        choices=("", *TARGET_COSTS),
        metavar="TARGET",
        help="keep how long it took in parts of what is predicted, for fit, convert and inspect "
        "--target; TARGET where the machine's name does not tell it",
    )
    bench.add_argument("--json", action="store_true", help="the result as one JSON object")
    bench.set_defaults(run=_bench)
    isolate(bench, "file")


def _bench(arguments: argparse.Namespace) -> int:
    from quantize.bench.record import save_timings

    if arguments.profile and arguments.ssh:
        cure = "run it on the station itself"
        raise ConfigError("times this machine's operators", where="--profile with --ssh", cure=cure)
    model = _model(arguments)
    machine, timings = _timings(arguments, model)
    slices = _slices(arguments.file, model) if arguments.profile else []
    predicted = _predicted(arguments, model, machine)
    if arguments.calibrate is not None:
        _calibrate(arguments.file, machine, timings, predicted)
    if arguments.save:
        save_timings(arguments.file, machine, timings)
    if arguments.json:
        document = {
            "file": arguments.file.name,
            "where": arguments.ssh or "here",
            "machine": machine,
            "timings": [asdict(one) for one in timings],
            "predicted": asdict(predicted) if predicted else None,
            "operators": [asdict(one) for one in slices],
        }
        print(json.dumps(document))
    else:
        print("\n".join([machine, *_lines(timings, slices), _said(predicted, timings)]))
    return 0


def _model(arguments: argparse.Namespace) -> bytes:
    """What is to be timed: the file itself, or of a bundle the model that the runtime takes."""
    from edge_agent.contracts.model.bundle import read_bundle
    from edge_agent.infer.runtime_choice import compiled_model, find_runtime
    from quantize.bench.record import refuse_signed
    from quantize.graph.read import is_tflite, read_graph

    path: Path = arguments.file
    if is_tflite(path):
        if arguments.save:
            cure = "give the bundle that holds the model"
            raise ConfigError("a bare model has no card", where="--save", cure=cure)
        read_graph(path)
        return path.read_bytes()
    bundle = read_bundle(path)
    if arguments.save:
        refuse_signed(path, signed=bundle.signature is not None)
    if arguments.runtime == AUTO:
        return bundle.model
    return compiled_model(bundle, find_runtime(arguments.runtime))


def _timings(arguments: argparse.Namespace, model: bytes) -> tuple[str, list[Timing]]:
    from quantize.bench.measure import Station, machine_name, time_model, time_on_station

    if arguments.ssh:
        station = Station(arguments.ssh, arguments.program, arguments.ssh_config)
        words = ["--runs", str(arguments.runs), "--runtime", arguments.runtime]
        words += ["--threads", *map(str, arguments.threads)]
        return time_on_station(arguments.file, station, words)
    timings = []
    for number in arguments.threads:
        print(f"timing with {number} thread(s)", file=sys.stderr)
        timings.append(
            time_model(model, number, arguments.runs, arguments.runtime, where=str(arguments.file))
        )
    return machine_name(), timings


def _slices(path: Path, model: bytes) -> list[Slice]:
    from quantize.graph.profile import profile
    from quantize.graph.read import parse_graph

    return profile(model, parse_graph(model, str(path)))


def _predicted(arguments: argparse.Namespace, model: bytes, machine: str) -> Prediction | None:
    """By the machine's row of the cost table; None for an accelerator, whose operators it cannot
    count.
    """
    from quantize.bench.prediction import predict
    from quantize.graph.read import parse_graph

    if arguments.runtime == EDGE_TPU:
        return None
    return predict(parse_graph(model, str(arguments.file)), machine, arguments.calibrate or None)


def _calibrate(
    path: Path, machine: str, timings: list[Timing], predicted: Prediction | None
) -> None:
    from edge_agent.contracts.model.cost_calibration import (
        Calibration,
        costs_file,
        save_calibration,
    )

    alone = [one.p50_ms for one in timings if one.threads == 1]
    if predicted is None or not alone:
        raise ConfigError(
            "has nothing to compare: it takes one thread of a CPU that the cost table has a row of",
            where="--calibrate",
            cure="add --threads 1, leave --runtime out, and name the target: --calibrate rpi4",
        )
    row = Calibration(
        measured_ms=alone[0], predicted_ms=predicted.ms, model=path.name, machine=machine
    )
    save_calibration(costs_file(), predicted.target, row)
    print(f"{predicted.target} counts {row.sentence()}: {costs_file()}", file=sys.stderr)


def _said(predicted: Prediction | None, timings: list[Timing]) -> str:
    if predicted is None:
        return "predicted: nothing, the cost table has no row for this machine and runtime"
    alone = [one.p50_ms for one in timings if one.threads == 1]
    return predicted.sentence(alone[0] if alone else None)


def _lines(timings: list[Timing], slices: list[Slice]) -> list[str]:
    head = f"{'threads':>7} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9} {'cold ms':>9} {'RSS MB':>7}"
    rows = [
        f"{one.threads:7} {one.p50_ms:9.3f} {one.p95_ms:9.3f} {one.p99_ms:9.3f} "
        f"{one.cold_start_ms:9.0f} {one.rss_mb:7.0f}  {one.runtime}, {one.runs} runs"
        for one in timings
    ]
    parts = [f"{one.op:7} {one.name:24} {one.ms:9.4f} ms" for one in slices]
    return [head, *rows, *parts]
