"""The verb `onnx`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    onnx = verbs.add_parser(
        "onnx",
        help="a run as symmetric int8 ONNX, for TensorRT on a Jetson",
        epilog="example:\n  lineside-quantize onnx runs/castings --out castings.onnx\n"
        "then on the Jetson:\n  trtexec --onnx=castings.onnx --int8 --saveEngine=castings.engine",
    )
    onnx.add_argument("path", type=Path, metavar="RUN")
    onnx.add_argument("--out", type=Path, required=True, metavar="FILE.onnx")
    onnx.add_argument("--json", action="store_true", help="the result as one JSON object")
    onnx.set_defaults(run=_onnx)


def _onnx(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.run_folder.consistency import open_consistent_run
    from quantize.pack.output import refuse_file, refuse_other_suffix, refuse_target
    from quantize.targets.jetson import export_onnx

    refuse_file(arguments.path)
    refuse_target(arguments.out, arguments.path)
    refuse_other_suffix(arguments.out, ".onnx")
    run = open_consistent_run(arguments.path)
    print("quantising symmetrically, and checking with ONNX Runtime", file=sys.stderr)
    exported = export_onnx(run, arguments.out)
    if arguments.json:
        print(json.dumps(asdict(exported)))
    else:
        print(
            f"wrote {arguments.out}: {exported.size_bytes / 1024:.0f} KiB; on {exported.n} "
            f"held-out inputs it agrees with float on {exported.agreement:.1%}, outputs "
            f"correlate by {exported.correlation:.4f}; LiteRT and ONNX Runtime are "
            f"{exported.worst_quanta} quanta apart at most"
        )
    return 0
