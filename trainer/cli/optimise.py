"""The verb optimise."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.evaluation.setting_effects import Optimum

EPILOG = """example:
  lineside-train optimise data/mill --setting "Torque [Nm]=20:60" --setting "speed [rpm]=1200:2000"

What it finds are associations in recorded rows. It claims no causes.
"""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "optimise",
        help="which process settings go with fewer defects or a better value",
        description="Fit the outcome against process settings, show how it goes with each of "
        "them, and propose settings within bounds with the expected gain and its interval.",
        epilog=EPILOG,
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=LOW:HIGH",
        help="a tag that may be changed, and its bounds; repeat for more",
    )
    verb.add_argument("--maximise", action="store_true", help="a regression: more is better")
    verb.add_argument("--trials", type=int, default=200, metavar="N", help="settings tried (200)")
    verb.add_argument("--seed", type=int, default=0, metavar="N")
    verb.add_argument(
        "--out", type=Path, default=Path("optimise.html"), metavar="FILE", help="the report"
    )
    verb.add_argument("--json", action="store_true", help="print the result as JSON")
    verb.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.core.files import write_atomic
    from trainer.console.progress import TerminalProgress
    from trainer.data.load import load_dataset
    from trainer.report.process_settings import NO_CAUSES, optimised_page, result
    from trainer.workflow.process_settings import optimise, parse_setting

    settings = [parse_setting(text) for text in arguments.setting]
    dataset = load_dataset(arguments.dataset)
    optimum = optimise(
        dataset,
        settings,
        TerminalProgress(),
        maximise=arguments.maximise,
        trials=arguments.trials,
        seed=arguments.seed,
    )
    page = optimised_page(optimum, f"Settings of {dataset.root.name}")
    write_atomic(arguments.out, page.encode())
    proposal = optimum.proposal
    if arguments.json:
        print(json.dumps({**_document(optimum), "causes": NO_CAUSES, "report": str(arguments.out)}))
        return 0
    for name, value in (proposal.settings if proposal else {}).items():
        print(f"{name} = {value:.5g}")
    print(result(optimum))
    print(f"No causes: {NO_CAUSES}", file=sys.stderr)
    print(f"report: {arguments.out}", file=sys.stderr)
    return 0


def _document(optimum: Optimum) -> dict[str, Any]:
    proposal = optimum.proposal
    return {
        "outcome": optimum.outcome,
        "settings": dict(proposal.settings) if proposal else None,
        "now": proposal.now if proposal else None,
        "expected": proposal.then if proposal else None,
        "gain": proposal.gain if proposal else None,
        "gain_ci95": list(proposal.gain_ci95) if proposal else None,
        "skill": {optimum.skill_name: optimum.skill},
        "why": optimum.why,
    }
