"""The verb explain: where a network looked."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from trainer.console.tf_log import quiet_tensorflow


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "explain",
        help="show where a network looked",
        description="Write overlays: Grad-CAM of a classifier, the heat map of a detector. Without "
        "images: of the run's own held-out defects, into the run and its report, with the check "
        "that random weights give other maps.",
        epilog="examples:\n  lineside-train explain runs/castings\n"
        "  lineside-train explain runs/castings part1.jpg part2.jpg --out overlays",
    )
    verb.add_argument("run_dir", type=Path, metavar="RUN")
    verb.add_argument("images", type=Path, nargs="*", metavar="IMAGE")
    verb.add_argument(
        "--out",
        type=Path,
        default=Path("overlays"),
        metavar="DIR",
        help="where the overlays of IMAGE go: another folder than the images' own (overlays)",
    )
    verb.add_argument("--json", action="store_true", help="one JSON object a line")
    verb.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    from trainer.console.output import print_lines
    from trainer.report.page import write_report
    from trainer.run_folder.run import open_fitted_run
    from trainer.workflow.explain import explain_for_report, explain_images

    run = open_fitted_run(arguments.run_dir)
    quiet_tensorflow()
    if not arguments.images:
        agreement = explain_for_report(run)
        write_report(run)
        document = {"sanity": agreement, "report": str(run.path / "report.html")}
        summary = f"maps of random weights agree by {agreement:.2f} (1: they show nothing learnt)"
        if arguments.json:
            print(json.dumps(document))
        else:
            print_lines(summary, str(document["report"]))
        return 0
    for row in explain_images(run, arguments.images, arguments.out):
        plain = f"{row['path']}: {row['verdict']} {row['label']} {row['score']} {row['overlay']}"
        if arguments.json:
            print(json.dumps(row))
        else:
            print_lines(plain)
    return 0
