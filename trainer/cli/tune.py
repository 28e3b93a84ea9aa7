"""The verb tune: the search of a fit's settings."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from trainer.cli.fit import add_fit_options, config_without_budget
from trainer.console.tf_log import quiet_tensorflow


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "tune",
        help="search the settings of a fit",
        description="Try settings by KerasTuner, judged on validation samples only, and write the "
        "best ones as a configuration for fit. Interrupted, it goes on where it stopped.",
        epilog="example:\n  lineside-train tune data/castings --trials 20 --out tuned\n"
        "  lineside-train fit data/castings --config tuned/fit.toml",
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    verb.add_argument("--trials", type=int, default=10, metavar="N", help="settings tried (10)")
    verb.add_argument("--json", action="store_true")
    add_fit_options(verb)
    verb.set_defaults(run=_tune)


def _tune(arguments: argparse.Namespace) -> int:
    config = config_without_budget(arguments)
    from edge_agent.contracts.core.files import write_atomic
    from edge_agent.contracts.core.toml import toml_text
    from trainer.console.output import print_lines
    from trainer.console.progress import TerminalProgress
    from trainer.data.image.mask_faults import refuse_bad_masks
    from trainer.data.load import refuse_missing
    from trainer.data.split_guard import guard
    from trainer.workflow.asked_dataset import load_asked
    from trainer.workflow.tune import search
    from trainer.workflow.weights_advice import weights_advice

    progress = TerminalProgress()
    dataset = load_asked(arguments.dataset, config)
    refuse_missing(dataset)
    refuse_bad_masks(dataset, progress)
    advice = weights_advice(config, dataset)
    for line in advice:
        progress.say(line)
    split = guard(dataset, config, [], progress).split
    quiet_tensorflow()
    best, tried = search(split, config, arguments.trials, arguments.out, progress)
    file = arguments.out / "fit.toml"
    write_atomic(file, toml_text(best.model_dump(exclude_none=True)).encode())
    document = {
        "config": str(file),
        "trials": [{"validation": round(t.score, 6), **t.settings} for t in tried],
        "warnings": advice,
    }
    if arguments.json:
        print(json.dumps(document))
    else:
        print_lines(*map(str, document["trials"]), f"best settings: {file}")
    return 0
