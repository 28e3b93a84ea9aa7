"""The verbs evaluate and report: what can be asked of a finished run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.console.tf_log import quiet_tensorflow

if TYPE_CHECKING:
    from trainer.run_folder.run import FittedRun
    from trainer.workflow.reevaluate import Evaluation


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
    report.add_argument(
        "--json", action="store_true", help="files, requirements and figures as one JSON object"
    )
    report.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.run_folder import files
    from trainer.report.page import write_report
    from trainer.report.sections.acceptance import requirements_of
    from trainer.run_folder.run import open_fitted_run

    run = open_fitted_run(arguments.run_dir)
    write_report(run)
    report = arguments.run_dir / files.REPORT
    if arguments.json:
        document = {
            "report": str(report),
            "card": str(arguments.run_dir / files.CARD),
            "acceptance": [one.as_json() for one in requirements_of(run)],
            "held_out": run.metrics.as_json()["held_out"],
        }
        print(json.dumps(document))
    else:
        print(report)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.core.files import write_atomic
    from trainer.console.progress import TerminalProgress
    from trainer.data.image.mask_faults import refuse_bad_masks
    from trainer.data.load import load_dataset, refuse_missing
    from trainer.run_folder.run import open_fitted_run
    from trainer.workflow.reevaluate import evaluate_run, refuse_target

    run = open_fitted_run(arguments.run_dir)
    if arguments.predictions:
        refuse_target(arguments.predictions, (arguments.run_dir, arguments.dataset))
    dataset = load_dataset(arguments.dataset, group=arguments.group)
    refuse_missing(dataset)
    refuse_bad_masks(dataset, TerminalProgress())
    quiet_tensorflow()
    evaluation = evaluate_run(run, dataset, TerminalProgress())
    if arguments.predictions:
        write_atomic(arguments.predictions, evaluation.table())
    if arguments.json:
        print(json.dumps(evaluation.summary()))
    else:
        _print_figures(run, evaluation)
    return 0


def _print_figures(run: FittedRun, evaluation: Evaluation) -> None:
    from trainer.console.output import print_lines, print_table
    from trainer.report.words import interval_text, outcome_sentence, title_of, value_text

    rows = [
        [title_of(name), value_text(name, one.value), interval_text(name, one), str(one.n)]
        for name, one in evaluation.figures.present().items()
    ]
    head = ("figure", "value", "95 % interval", "n")
    print_table(f"{run.spec.name} on {evaluation.dataset}", head, rows)
    truth = [one.label for one in evaluation.predictions]
    print_lines(outcome_sentence(evaluation.figures, run.spec, truth))
    if evaluation.left_out:
        print_lines(f"{evaluation.left_out} samples left out: the run was trained on them")
