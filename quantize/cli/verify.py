"""The verbs `verify` and `targets`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from edge_agent.contracts.core.argument_types import threads
from edge_agent.contracts.core.command import CPU_LIMIT_S, isolate
from edge_agent.infer.runtime_names import AUTO, runtime_names
from quantize.targets.all_targets import all_targets
from quantize.targets.target import Target


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file."""
    verify = verbs.add_parser(
        "verify",
        help="run a bundle's parity vectors on this machine",
        epilog="example:\n  lineside-quantize verify castings.bundle",
    )
    verify.add_argument("bundle", type=Path, metavar="BUNDLE")
    verify.add_argument("--runtime", choices=runtime_names(), default=AUTO, help="default: auto")
    verify.add_argument("--threads", type=threads, default=1, help="default: 1")
    verify.add_argument("--json", action="store_true", help="the result as one JSON object")
    verify.set_defaults(run=_verify)
    isolate(verify, "bundle", CPU_LIMIT_S)
    targets = verbs.add_parser(
        "targets",
        help="the stations a network can be converted for",
        epilog="example:\n  lineside-quantize targets --json",
    )
    targets.add_argument("--json", action="store_true", help="as a JSON list")
    targets.set_defaults(run=_targets)


def _verify(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.model.bundle import read_bundle
    from edge_agent.infer.bundle_inspector import load_inspector

    bundle = read_bundle(arguments.bundle)
    inspector = load_inspector(bundle, runtime=arguments.runtime, threads=arguments.threads)
    report = inspector.parity
    runtime = f"{inspector.runtime.name} {inspector.runtime.version}"
    inspector.close()
    if report is None:
        return 1
    if arguments.json:
        print(json.dumps({"bundle": bundle.title, "runtime": runtime, **asdict(report)}))
    else:
        print(
            f"{bundle.title}: {report.n} parity vectors hold in {runtime}, "
            f"worst difference {report.worst_quanta} quanta, {report.seconds * 1000:.0f} ms"
        )
    return 0


def _targets(arguments: argparse.Namespace) -> int:
    if arguments.json:
        print(json.dumps([target.document() for target in all_targets().values()]))
        return 0
    for target in all_targets().values():
        print(_line(target))
    return 0


def _line(target: Target) -> str:
    expected = f"{target.latency_ms:g} ms" if target.latency_ms else "unknown"
    memory = f", {target.memory_bytes / 2**20:.1f} MiB on chip" if target.memory_bytes else ""
    return (
        f"{target.name:10} {target.title}\n"
        f"{'':10} {target.runtime} with {target.delegate}, {target.threads} thread, images "
        f"{target.image_input}, signals {target.signal_input}, output {target.output}{memory}\n"
        f"{'':10} MobileNetV2-1.0-224: {expected} ({target.latency_source})"
    )
