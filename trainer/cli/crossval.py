"""The verb crossval: grouped k-fold, or each value of a condition left out once."""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.cli.fit import add_fit_options, config_without_budget
from trainer.console.tf_log import quiet_tensorflow

if TYPE_CHECKING:
    from trainer.workflow.crossval import Choice, Fold

EPILOG = """examples:
  lineside-train crossval data/castings --seeds 3
  lineside-train crossval data/bearings --leave-out load
  lineside-train crossval data/bearings --leave-out 'bearing~(\\d+)$' --try hear=spectrum,both
  lineside-train crossval data/castings --leave-out fold98 --json
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "crossval",
        help="grouped k-fold, or leave one condition out at a time",
        description="Judge every sample once by a network that saw none of its group: k-fold by "
        "the given folds, or by drawn ones that are stratified and cut no group. With "
        "--leave-out, hold each value of a column of the labels out once, train on the others, and "
        "report what is understood of the one never heard or seen. A label that exists under one "
        "value only is cut by time. With --try, options are chosen by leaving out conditions "
        "among the training ones.",
        epilog=EPILOG,
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--folds", type=int, default=5, metavar="K", help="where none are given")
    verb.add_argument("--seeds", type=int, default=1, metavar="N", help="three for a claim")
    verb.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="k-fold: write crossval.json, out_of_fold.csv and label_doubts.csv here, and go on "
        "from here after an interruption (default: runs/DATASET-crossval)",
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
    from trainer.console.progress import TerminalProgress
    from trainer.workflow.kfold_files import run_kfold

    config, folds, seeds = config_without_budget(arguments), arguments.folds, arguments.seeds
    return run_kfold(arguments.dataset, config, folds, seeds, arguments.out, TerminalProgress())


def _leave_out(arguments: argparse.Namespace) -> dict[str, Any]:
    from trainer.console.progress import TerminalProgress
    from trainer.data.load import load_dataset, refuse_missing
    from trainer.workflow.crossval import cross_validate, sample_figures, window_figure
    from trainer.workflow.leave_out import protocol_of

    choices, config, progress = (
        choices_of(arguments.choices),
        config_without_budget(arguments),
        TerminalProgress(),
    )
    dataset = load_dataset(arguments.dataset, group=config.group, fold=config.fold)
    refuse_missing(dataset)
    protocol = protocol_of(dataset, arguments.leave_out)
    progress.say(protocol.sentence)
    quiet_tensorflow()
    folds = cross_validate(dataset, protocol, config, choices, progress)
    figures = {"window_accuracy": window_figure([fold.windows for fold in folds])}
    figures |= sample_figures(folds)
    return {
        "protocol": protocol.sentence,
        "folds": [_row(fold) for fold in folds],
        "figures": {name: figure.as_json() for name, figure in figures.items()},
    }


def _row(fold: Fold) -> dict[str, object]:
    right, _ = fold.windows
    return {
        "held_out": fold.value,
        "windows": len(right),
        "window_accuracy": round(float(right.mean()), 4),
        "chosen": fold.chosen,
        "tried": [round(share, 4) for share in fold.tried],
    }


def _kfold_lines(document: dict[str, Any]) -> list[str]:
    head = f"{document['protocol']}; {document['samples']} samples in {document['groups']} groups"
    rows = [f"{head}; seeds {', '.join(map(str, document['seeds']))}"]
    for name, figure in document["figures"].items():
        low, high = figure["ci95"]
        rows.append(f"{name} {figure['value']:.4f} ({low:.4f}-{high:.4f}; {figure['interval']})")
    for label, row in document["per_class"].items():
        shares = ", ".join(f"{key} {row[key]:.3f}" for key in ("precision", "recall", "f1"))
        rows.append(f"  {label}: {shares}, n = {row['n']}")
    rows += [f"baseline {name}: {share:.4f}" for name, share in document["baselines"].items()]
    for doubt in document["label_doubts"][:10]:
        lines = f"labelled {doubt['label']}, looks like {doubt['suggested']}"
        rows.append(f"look at {doubt['path']}: {lines} ({doubt['margin']:.2f})")
    rows.append(f"{len(document['label_doubts'])} doubtful labels; files in {document['folder']}")
    return rows


def _lines(document: dict[str, object]) -> list[str]:
    rows = [str(document["protocol"])]
    for fold in document["folds"]:  # type: ignore[attr-defined]
        lines = f" with {fold['chosen']}" if fold["chosen"] else ""
        rows.append(
            f"{fold['held_out']}: {fold['window_accuracy']:.3f} of {fold['windows']}{lines}"
        )
    for name, figure in document["figures"].items():  # type: ignore[attr-defined]
        low, high = figure["ci95"]
        rows.append(f"{name} {figure['value']:.3f} ({low:.3f}-{high:.3f}, n = {figure['n']})")
    return rows
