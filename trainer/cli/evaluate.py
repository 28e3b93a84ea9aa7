"""The verbs evaluate and report: what can be asked of a finished run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.console.tf_log import quiet_tensorflow

if TYPE_CHECKING:
    from trainer.run_folder.run import Run


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs."""
    evaluate = verbs.add_parser(
        "evaluate",
        help="judge another data set with a run's network",
        description="Judge every sample of DATASET by the run's network, preprocessing and "
        "threshold, and print the figures. Samples the network was trained on are left out.",
        epilog="example: lineside-train evaluate runs/castings data/castings_july --json",
    )
    evaluate.add_argument("run_dir", type=Path, metavar="RUN")
    evaluate.add_argument("dataset", type=Path, metavar="DATASET")
    evaluate.add_argument("--group", metavar="COLUMN", help="group of the bootstrap intervals")
    evaluate.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE",
        help="write one CSV row each; only earlier predictions are replaced",
    )
    evaluate.add_argument("--json", action="store_true", help="one JSON object on stdout")
    evaluate.set_defaults(run=_evaluate)
    report = verbs.add_parser(
        "report",
        help="write a run's report.html and card.md again",
        description="Make the report and the card from the files of the run.",
        epilog="example: lineside-train report runs/castings",
    )
    report.add_argument("run_dir", type=Path, metavar="RUN")
    report.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from trainer.report.page import write_report
    from trainer.run_folder.run import read_run

    write_report(read_run(arguments.run_dir))
    print(arguments.run_dir / "report.html")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from trainer.console.progress import Terminal
    from trainer.data.load import load_dataset, refuse_missing
    from trainer.run_folder.run import read_run
    from trainer.workflow.reevaluate import evaluate_run, refuse_target
    from trainer.workflow.run_metrics import write_csv

    run = read_run(arguments.run_dir)
    if arguments.predictions:
        refuse_target(arguments.predictions, (arguments.run_dir, arguments.dataset))
    dataset = load_dataset(arguments.dataset, group=arguments.group)
    refuse_missing(dataset)
    quiet_tensorflow()
    found = evaluate_run(run, dataset, Terminal())
    if arguments.predictions:
        write_csv(arguments.predictions, found.rows)
    if arguments.json:
        print(json.dumps(found.summary))
    else:
        _print_figures(run, found.summary)
    return 0


def _print_figures(run: Run, summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from trainer.report.words import called, interval, sentence, written

    table = Table(title=f"{run.spec.name} on {summary['dataset']}", title_justify="left")
    for name in ("figure", "value", "95 % interval", "n"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for name, row in summary["figures"].items():
        value = written(name, row["value"])
        table.add_row(called(name), value, interval(name, row), str(row["n"]))
    console = Console(highlight=False)
    console.print(table)
    console.print(sentence(summary["figures"], run.spec.good), soft_wrap=True)
    if summary["left_out"]:
        console.print(f"{summary['left_out']} samples left out: the run was trained on them")
