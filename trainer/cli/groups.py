"""The verb groups: copies in a data set, and the groups that they propose."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.data.image.near_duplicates import CopySurvey
    from trainer.data.samples import Dataset

FOUND = 3


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "groups",
        help="find copies and propose groups",
        description="Find files with the same bytes, and images that are turned, mirrored, "
        "stretched, brightened or cropped copies of another, and propose groups. Exit code 3 "
        "where the split that fit would make shares copies.",
        epilog="example:\n  lineside-train groups data/castings --out data/castings/copies.csv \\\n"
        "    --page copies.html",
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--out", type=Path, metavar="CSV", help="write path, label and group here")
    verb.add_argument(
        "--page", type=Path, metavar="HTML", help="write a page with pictures of the largest groups"
    )
    verb.add_argument("--group", metavar="COLUMN", help="overrides group of dataset.toml")
    verb.add_argument("--fold", metavar="COLUMN", help="overrides fold of dataset.toml")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_groups)


def refuse_page(path: Path) -> None:
    """Raise ConfigError or StorageError where a page must not, or cannot, be written."""
    from edge_agent.contracts.core.errors import ConfigError
    from trainer.run_folder.target import refuse_unwritable

    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError("is no name of a page", where=f"--page {path}", cure="end it with .html")
    refuse_unwritable(path)


def _groups(arguments: argparse.Namespace) -> int:
    from edge_agent.contracts.core.files import write_atomic
    from trainer.config.fit import FitConfig
    from trainer.console.output import print_lines
    from trainer.console.progress import TerminalProgress
    from trainer.data.image.near_duplicates import cut_groups, survey_copies
    from trainer.data.load import load_dataset, refuse_missing
    from trainer.data.split import plan_split
    from trainer.report.data_page import data_page

    if arguments.page:
        refuse_page(arguments.page)
    dataset = load_dataset(arguments.dataset, group=arguments.group, fold=arguments.fold)
    refuse_missing(dataset)
    copies = survey_copies(dataset, TerminalProgress())
    split = plan_split(dataset, FitConfig())
    stretched = len(split.dataset.samples) != len(dataset.samples)
    cut = None if stretched else cut_groups(split, copies.groups)
    if arguments.out:
        write_atomic(arguments.out, _table(dataset, copies))
    note = cut.sentence() if cut else "no held-out sample has a copy in training"
    if arguments.page:
        sentence = f"{split.protocol}: {note}"
        write_atomic(arguments.page, data_page(dataset, [sentence], copies=copies).encode())
    document = {
        "samples": len(dataset.samples),
        "copied": copies.copied,
        "groups": int(copies.groups.max()) + 1,
        "exact": copies.exact,
        "alike": copies.alike,
        "shared_with_held_out": cut.shared if cut else 0,
        "held_out": len(split.test),
        "protocol": split.protocol,
    }
    if arguments.json:
        print(json.dumps(document))
    else:
        print_lines(copies.sentence())
        print_lines(f"{split.protocol}: {note}")
    return FOUND if cut else 0


def _table(dataset: Dataset, copies: CopySurvey) -> bytes:
    """path, label and group of every sample as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["path", "label", "near_duplicates"])
    for sample, number in zip(dataset.samples, copies.groups.tolist(), strict=True):
        writer.writerow([sample.path, sample.label, number])
    return stream.getvalue().encode()
