"""The verb `outputs`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_agent.contracts.core.argument_types import count
from quantize.convert.variants import VARIANTS


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "outputs",
        help="what a run's network gives on its held-out inputs as int8",
        description="Convert the network of a run, run it on the held-out inputs, and write what "
        "it gives: float32, one row an input in the order of heldout.npz. No gate is asked and no "
        "bundle is written; `lineside-train crossval` judges each fold by this.",
        epilog="example:\n  lineside-quantize outputs runs/castings --out int8.npy",
    )
    verb.add_argument("path", type=Path, metavar="RUN")
    verb.add_argument("--out", type=Path, required=True, metavar="FILE.npy")
    verb.add_argument("--variant", choices=VARIANTS, default="int8", help="default: int8")
    verb.add_argument(
        "--calibration", type=count, default=200, metavar="N", help="samples used, default: 200"
    )
    verb.add_argument("--json", action="store_true", help="the result as one JSON object")
    verb.set_defaults(run=_outputs)


def _outputs(arguments: argparse.Namespace) -> int:
    import numpy as np

    from quantize.pack.output import refuse_file, refuse_other_suffix, refuse_target
    from quantize.workflow.outputs import converted_outputs

    refuse_file(arguments.path)
    refuse_target(arguments.out, arguments.path)
    refuse_other_suffix(arguments.out, ".npy")
    outputs = converted_outputs(arguments.path, arguments.variant, arguments.calibration)
    np.save(arguments.out, outputs)
    inputs, values = outputs.shape
    if arguments.json:
        print(json.dumps({"inputs": inputs, "values": values, "variant": arguments.variant}))
    else:
        print(f"wrote {arguments.out}: {values} values of each of {inputs} inputs")
    return 0
