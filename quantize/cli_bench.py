"""The verb `bench`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.errors import ConfigError

if TYPE_CHECKING:
    from quantize.bench import Timing
    from quantize.profile import Slice


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    bench = verbs.add_parser(
        "bench",
        help="run times, cold start and memory, here or on a station",
        epilog="example:\n  lineside-quantize bench castings.bundle --threads 1 2\n"
        "  lineside-quantize bench castings.bundle --ssh pi@station7",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bench.add_argument("file", type=Path, metavar="BUNDLE|MODEL.tflite")
    bench.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    bench.add_argument("--runs", type=int, default=200, help="default: 200")
    bench.add_argument("--profile", action="store_true", help="time every operator, too")
    bench.add_argument("--ssh", metavar="USER@HOST", help="time it on a station")
    bench.add_argument("--json", action="store_true", help="the result as one JSON object")
    bench.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.runs < 1 or min(arguments.threads) < 1:
        raise ConfigError("must be at least 1", where="--runs, --threads", cure="try 200 and 1")
    timings = _timings(arguments)
    slices = _slices(arguments) if arguments.profile else []
    if arguments.json:
        document = {
            "file": arguments.file.name,
            "where": arguments.ssh or "here",
            "timings": [asdict(one) for one in timings],
            "operators": [asdict(one) for one in slices],
        }
        print(json.dumps(document))
    else:
        print("\n".join(_lines(timings, slices)))
    return 0


def _model(path: Path) -> bytes:
    from edge_agent.contracts.bundle import read_bundle
    from quantize.graph import read_graph

    if path.suffix == ".tflite":
        read_graph(path)
        return path.read_bytes()
    return read_bundle(path).model


def _timings(arguments: argparse.Namespace) -> list[Timing]:
    from quantize.bench import time_model, time_on_station

    model = _model(arguments.file)
    if arguments.ssh:
        return time_on_station(arguments.file, arguments.ssh, arguments.threads, arguments.runs)
    timings = []
    for threads in arguments.threads:
        print(f"timing with {threads} thread(s)", file=sys.stderr)
        timings.append(time_model(model, threads, arguments.runs))
    return timings


def _slices(arguments: argparse.Namespace) -> list[Slice]:
    from quantize.graph import parse_graph
    from quantize.profile import profile

    model = _model(arguments.file)
    return profile(model, parse_graph(model, str(arguments.file)))


def _lines(timings: list[Timing], slices: list[Slice]) -> list[str]:
    head = f"{'threads':>7} {'p50 ms':>9} {'p95 ms':>9} {'p99 ms':>9} {'cold ms':>9} {'RSS MB':>7}"
    rows = [
        f"{one.threads:7} {one.p50_ms:9.3f} {one.p95_ms:9.3f} {one.p99_ms:9.3f} "
        f"{one.cold_start_ms:9.0f} {one.rss_mb:7.0f}  {one.runtime}, {one.runs} runs"
        for one in timings
    ]
    parts = [f"{one.op:7} {one.name:24} {one.ms:9.4f} ms" for one in slices]
    return [head, *rows, *parts]
