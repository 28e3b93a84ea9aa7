"""The verb crossval: grouped k-fold, or each value of a condition left out once."""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.cli.fit import add_fit_options, config_without_budget

if TYPE_CHECKING:
    from trainer.workflow.crossval import Choice

DESCRIPTION = (
    "Judge every sample once by a network that saw none of its group: k-fold by "
    "the given folds, or by drawn ones that are stratified and cut no group. With "
    "--leave-out, hold each value of a column of the labels out once, train on the others, and "
    "report what is understood of the one never heard or seen. A label that exists under one "
    "value only is cut by time. Each fold's network is also converted to int8, and judges the "
    "same samples. With --try, options are chosen by leaving out conditions among the training "
    "ones."
)

EPILOG = """examples:
  lineside-train crossval data/castings --seeds 3
  lineside-train crossval data/bearings --leave-out load
  lineside-train crossval data/bearings --leave-out 'bearing~(\\d+)$' --try features=spectrum,both
  lineside-train crossval data/castings --leave-out fold98 --json
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "crossval",
        help="grouped k-fold, or leave one condition out at a time",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--folds", type=int, default=5, metavar="K", help="where none are given (5)")
    verb.add_argument("--seeds", type=int, default=1, metavar="N", help="(1) three for a claim")
    verb.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="k-fold: write crossval.json, out_of_fold.csv and label_doubts.csv here, and go on "
        "from here after an interruption (default: runs/DATASET-crossval); with --leave-out: "
        "leave_out.json and out_of_fold.csv (default: runs/DATASET-leave-out-COLUMN)",
    )
    verb.add_argument(
        "--leave-out",
        metavar="COLUMN[~PATTERN]",
        help="column of the labels; with a pattern its first group is the value",
    )
    verb.add_argument(
        "--try",
        dest="choices",
        action="append",
        default=[],
        metavar="OPTION=A,B",
        help="values of an option of the model to choose from inside; repeat for more",
    )
    verb.add_argument(
        "--float-only",
        action="store_true",
        help="do not convert each fold's network to int8 and judge by it too",
    )
    verb.add_argument("--json", action="store_true", help="print the figures on stdout as JSON")
    add_fit_options(verb)
    verb.set_defaults(run=_crossval)


def choices_of(texts: list[str]) -> list[Choice]:
    """Every combination of `option=a,b` texts; raises ConfigError for another form."""
    from edge_agent.contracts.core.errors import ConfigError

    named: list[list[tuple[str, str]]] = []
    for text in texts:
        option, sign, values = text.partition("=")
        if not sign or not option or not all(values.split(",")):
            raise ConfigError(f"{text!r}", where="--try", cure="write OPTION=A,B")
        named.append([(option, value) for value in values.split(",")])
    return [dict(combination) for combination in itertools.product(*named)]


def _crossval(arguments: argparse.Namespace) -> int:
    from trainer.console.output import print_lines

    if arguments.leave_out is None:
        document = _kfold(arguments)
        lines = _kfold_lines(document)
    else:
        document = _leave_out(arguments)
        lines = _lines(document)
    if arguments.json:
        print(json.dumps(document))
    else:
        print_lines(*lines)
    return 0


def _kfold(arguments: argparse.Namespace) -> dict[str, Any]:
    config, folds, seeds = config_without_budget(arguments), arguments.folds, arguments.seeds
    from trainer.console.progress import TerminalProgress
    from trainer.workflow.kfold_files import run_kfold

    return run_kfold(
        arguments.dataset,
        config,
        folds,
        seeds,
        arguments.out,
        TerminalProgress(),
        int8=not arguments.float_only,
    )


def _leave_out(arguments: argparse.Namespace) -> dict[str, Any]:
    config = config_without_budget(arguments)
    from trainer.console.progress import TerminalProgress
    from trainer.workflow.leave_out_files import run_leave_out

    return run_leave_out(
        arguments.dataset,
        config,
        arguments.leave_out,
        choices_of(arguments.choices),
        arguments.out,
        TerminalProgress(),
        int8=not arguments.float_only,
    )


def _kfold_lines(document: dict[str, Any]) -> list[str]:
    head = f"{document['protocol']}; {document['samples']} samples in {document['groups']} groups"
    rows = [f"{head}; seeds {', '.join(map(str, document['seeds']))}"]
    rows += _figure_lines(document)
    for label, row in document["per_class"].items():
        shares = ", ".join(f"{key} {row[key]:.3f}" for key in ("precision", "recall", "f1"))
        rows.append(f"  {label}: {shares}, n = {row['n']}")
    rows += [f"baseline {name}: {share:.4f}" for name, share in document["baselines"].items()]
    for doubt in document["label_doubts"][:10]:
        lines = f"labelled {doubt['label']}, looks like {doubt['suggested']}"
        rows.append(f"look at {doubt['path']}: {lines} ({doubt['margin']:.2f})")
    rows.append(f"{len(document['label_doubts'])} doubtful labels; files in {document['folder']}")
    return rows


def _lines(document: dict[str, Any]) -> list[str]:
    rows = [str(document["protocol"])]
    for fold in document["folds"]:
        name = next(key for key in ("window_accuracy", "verdict_accuracy") if key in fold)
        by_int8 = fold.get(f"int8_{name}")
        beside = "" if by_int8 is None else f", int8 {by_int8:.3f}"
        options = f" with {fold['chosen']}" if fold["chosen"] else ""
        rows.append(f"{fold['held_out']}: {fold[name]:.3f}{beside} of {fold['windows']}{options}")
    return [*rows, *_figure_lines(document), f"files in {document['folder']}"]


def _figure_lines(document: dict[str, Any]) -> list[str]:
    """Each figure by the float networks and by those of int8, and what was lost between them."""
    rows, int8 = [], document["int8"]
    for name, figure in document["figures"].items():
        low, high = figure["ci95"]
        row = f"{name} {figure['value']:.4f} ({low:.4f}-{high:.4f}; {figure['interval']})"
        if int8 and name in int8["figures"]:
            low, high = int8["figures"][name]["ci95"]
            row += f", int8 {int8['figures'][name]['value']:.4f} ({low:.4f}-{high:.4f})"
            row += f", float minus int8 {int8['float_minus_int8'][name]:+.4f}"
        rows.append(row)
    if not int8:
        return [*rows, "int8: not judged"]
    changed = int8["verdicts_changed"]
    counts = f"{int8['new_escapes']} new escapes, {int8['new_rejects']} new rejects"
    return [*rows, f"int8 changes {changed} verdict{'s' * (changed != 1)}: {counts}"]
