"""The verbs `convert` and `compare`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.argument_types import count, limit, seconds, share, whole
from edge_agent.contracts.core.command import CPU_LIMIT_S, isolate
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.manifest import VERSION_PATTERN
from quantize.convert.variants import VARIANTS
from quantize.prove.gate import Comparison, Limits
from quantize.targets.all_targets import DEFAULT, all_targets

if TYPE_CHECKING:
    from quantize.prove.compare_models import OutputComparison
    from quantize.workflow.convert import Result


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file."""
    _register_convert(verbs)
    compare = verbs.add_parser(
        "compare",
        help="float and int8 side by side on the held-out samples",
        epilog="example:\n  lineside-quantize compare runs/castings castings.bundle\n"
        "  lineside-quantize compare float.tflite int8.tflite",
    )
    compare.add_argument("path", type=Path, metavar="RUN|FLOAT.tflite")
    compare.add_argument("bundle", type=Path, metavar="BUNDLE|INT8.tflite")
    _add_limits(compare)
    compare.set_defaults(run=_compare)
    isolate(compare, "bundle", CPU_LIMIT_S)


def _register_convert(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    convert = verbs.add_parser(
        "convert",
        help="a run into an int8 bundle, if it loses nothing",
        epilog="example:\n  lineside-quantize convert runs/castings --out castings.bundle "
        "--target rpi5",
    )
    convert.add_argument("path", type=Path, metavar="RUN")
    convert.add_argument("--out", type=Path, required=True, metavar="FILE.bundle")
    convert.add_argument(
        "--target", default=DEFAULT, choices=all_targets(), help=f"default: {DEFAULT}"
    )
    convert.add_argument(
        "--variant",
        choices=VARIANTS,
        action="append",
        default=[],
        help="repeat for several in turn; default: int8, and where it loses too much the next one",
    )
    convert.add_argument(
        "--version-number",
        metavar="X.Y.Z",
        help="default: 0.1.0, or one patch above the bundle at FILE.bundle",
    )
    convert.add_argument(
        "--calibration", type=count, default=200, metavar="N", help="samples used, default: 200"
    )
    convert.add_argument(
        "--study", action="store_true", help="report the result with 10 to 500 samples, too"
    )
    convert.add_argument("--memory-mb", type=count, default=3072, help="limit, default: 3072")
    convert.add_argument("--time-s", type=seconds, default=600.0, help="limit, default: 600")
    _add_limits(convert)
    convert.set_defaults(run=_convert)


def _add_limits(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--max-auroc-loss", type=limit, default=0.005, help="default: 0.005")
    verb.add_argument("--max-accuracy-loss", type=limit, default=0.005, help="default: 0.005")
    verb.add_argument("--max-escapes", type=whole, default=0, help="new escapes, default: 0")
    verb.add_argument(
        "--max-flips", type=share, default=0.005, help="share judged otherwise, default: 0.005"
    )
    verb.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="LIMIT",
        help="waive auroc, accuracy, escapes, rmse or agreement; the manifest records it",
    )
    verb.add_argument("--json", action="store_true", help="the result as one JSON object")


def _limits(arguments: argparse.Namespace) -> Limits:
    return Limits(
        auroc=arguments.max_auroc_loss,
        accuracy=arguments.max_accuracy_loss,
        escapes=arguments.max_escapes,
        agreement=arguments.max_flips,
    )


def _convert(arguments: argparse.Namespace) -> int:
    from quantize.pack.output import refuse_file
    from quantize.prove.comparison_text import table
    from quantize.prove.gate import refuse_unknown
    from quantize.workflow.convert import ConvertRequest, convert

    refuse_unknown(arguments.allow)
    refuse_file(arguments.path)
    number = arguments.version_number
    if number is not None and not re.fullmatch(VERSION_PATTERN, number):
        raise ConfigError(f"{number!r} is no version", where="--version-number", cure="like 1.4.0")
    request = ConvertRequest(
        run=arguments.path,
        out=arguments.out,
        target=arguments.target,
        variants=tuple(arguments.variant),
        version=number,
        samples=arguments.calibration,
        study=arguments.study,
        limits=_limits(arguments),
        allowed=arguments.allow,
        memory_mb=arguments.memory_mb,
        time_s=arguments.time_s,
    )
    result = convert(request, lambda text: print(text, file=sys.stderr))
    if arguments.json:
        print(json.dumps({**_document(result.comparison), **_cost(result)}))
    else:
        print(table(result.comparison))
        size = arguments.out.stat().st_size / 1024
        manifest = result.manifest
        print(f"wrote {arguments.out}: {manifest.spec.name} {manifest.version}, {size:.0f} KiB")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.model.bundle import read_bundle
    from edge_agent.contracts.run_folder.consistency import open_consistent_run
    from quantize.graph.read import is_tflite
    from quantize.pack.bundle import Draft
    from quantize.prove.gate import enforce
    from quantize.workflow.convert import compare_draft

    if all(is_tflite(path) for path in (arguments.path, arguments.bundle)):
        return _compare_models(arguments)
    bundle = read_bundle(arguments.bundle)
    run = open_consistent_run(arguments.path)
    if bundle.manifest.spec.input != run.spec.input:
        raise ConfigError(
            f"was not converted from {arguments.path}",
            where=str(arguments.bundle),
            cure="name the run it came from",
        )
    comparison = compare_draft(run, Draft(bundle.manifest, bundle.model), _limits(arguments))
    _print_comparison(comparison, as_json=arguments.json)
    enforce(comparison, arguments.allow)
    return 0


def _compare_models(arguments: argparse.Namespace) -> int:
    from quantize.graph.read import read_graph
    from quantize.prove.compare_models import compare_models

    if arguments.allow:
        cure = "compare a run with its bundle"
        raise ConfigError("two files have no limits to waive", where="--allow", cure=cure)
    for path in (arguments.path, arguments.bundle):
        read_graph(path)
    report = compare_models(arguments.path.read_bytes(), arguments.bundle.read_bytes())
    if arguments.json:
        print(json.dumps(asdict(report)))
    else:
        print(f"{report.n} made inputs")
        print("\n".join(_output_line(one) for one in report.outputs))
    return 0


def _output_line(one: OutputComparison) -> str:
    parts = []
    if one.agreement is not None:
        parts.append(f"the largest value agrees on {one.agreement:.1%}")
    if one.correlation is not None:
        parts.append(f"values correlate by {one.correlation:.4f}")
    else:
        parts.append("the same value for every input")
    parts.append(f"worst difference {one.worst:.1%} of the range")
    return f"output {one.output}: {', '.join(parts)}"


def _print_comparison(comparison: Comparison, *, as_json: bool) -> None:
    from quantize.prove.comparison_text import table

    print(json.dumps(_document(comparison)) if as_json else table(comparison))


def _document(comparison: Comparison) -> dict[str, object]:
    document = asdict(comparison)
    return {key: document[key] for key in ("n", "agreement", "metrics", "flips")}


def _cost(result: Result) -> dict[str, object]:
    """Which variant held, what was tried before it, and what the conversion took."""
    return {
        "variant": result.converted.variant,
        "trials": [asdict(trial) for trial in result.trials],
        "model_bytes": len(result.converted.model),
        "seconds": result.converted.seconds,
        "peak_mb": result.converted.peak_mb,
    }
