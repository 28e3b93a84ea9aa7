"""The verb synth: pictures of scarce defects, and whether they help."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.cli.fit import add_fit_options, config_without_budget
from trainer.console.tf_log import quiet_tensorflow

if TYPE_CHECKING:
    from trainer.data.samples import Sample


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "synth",
        help="make pictures of scarce defects",
        description="Make pictures of every defect label from training pictures alone: cutpaste "
        "blends real defects into good parts, perlin draws blotches, gan learns pictures from "
        "noise. With --compare, fit with and without them and say what they added.",
        epilog="example:\n  lineside-train synth data/castings --out synthetic --method cutpaste "
        "--count 60 --compare",
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    verb.add_argument("--method", choices=["cutpaste", "perlin", "gan"], required=True)
    verb.add_argument(
        "--count", type=int, default=50, metavar="N", help="pictures of each defect label (50)"
    )
    verb.add_argument("--compare", action="store_true", help="fit twice, print what was added")
    verb.add_argument("--json", action="store_true")
    add_fit_options(verb)
    verb.set_defaults(run=_synth)


def _synth(arguments: argparse.Namespace) -> int:
    config = config_without_budget(arguments)
    from edge_agent.contracts.core.errors import ConfigError
    from edge_agent.contracts.core.files import write_atomic
    from trainer.console.output import print_lines
    from trainer.console.progress import TerminalProgress
    from trainer.data.load import refuse_missing
    from trainer.data.split_guard import guard
    from trainer.workflow.asked_dataset import load_asked
    from trainer.workflow.synthesis import added_score, synthesise
    from trainer.workflow.weights_advice import weights_advice

    out, progress = arguments.out.absolute(), TerminalProgress()
    if out.exists() and any(out.iterdir()):
        raise ConfigError("is not empty", where=str(out), cure="name another folder with --out")
    dataset = load_asked(arguments.dataset, config)
    refuse_missing(dataset)
    advice = weights_advice(config, dataset) if arguments.compare else []
    for line in advice:
        progress.say(line)
    split = guard(dataset, config, [], progress).split
    quiet_tensorflow()
    samples = synthesise(split, arguments.method, arguments.count, out, config.seed, progress)
    write_atomic(out / "labels.csv", _labels_csv(samples, out))
    document: dict[str, object] = {
        "method": arguments.method,
        "samples": len(samples),
        "folder": str(out),
        "protocol": split.protocol,
        "seed": config.seed,
        "warnings": advice,
    }
    if arguments.compare:
        document["added"] = added_score(split, samples, config, progress)
    write_atomic(out / "synth.json", (json.dumps(document, indent=1) + "\n").encode())
    if arguments.json:
        print(json.dumps(document))
    else:
        print_lines(*_lines(document))
    return 0


def _labels_csv(samples: Sequence[Sample], out: Path) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["path", "label", "group", "split"])
    for sample in samples:
        path = Path(sample.path).relative_to(out)
        writer.writerow([path, sample.label, sample.group, "train"])
    return stream.getvalue().encode()


def _lines(document: dict[str, object]) -> list[str]:
    lines = [f"{document['samples']} pictures by {document['method']} in {document['folder']}"]
    for name, row in document.get("added", {}).items():  # type: ignore[attr-defined]
        low, high = row["added"]["ci95"]
        verdict = "helps" if low > 0 else "hurts" if high < 0 else "no difference shown"
        lines.append(
            f"{name}: {row['without']:.4f} without, {row['with']:.4f} with; added "
            f"{row['added']['value']:+.4f} ({low:+.4f} to {high:+.4f}): {verdict}"
        )
    return lines
