"""What every drawn set of the benchmarks has: a command that writes it, and its table of labels."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.rows import say

SEED = 13
TOML = """\
task = "image-class"
good = ["good"]
labels = "labels.csv"
group = "lot"
"""


def write_by_command(
    write: Callable[[Path, int], int], program: str, what: str, argv: Sequence[str] | None
) -> int:
    """Run `python -m PROGRAM FOLDER [--seed N]`; write: (folder, seed) -> the count of `what`."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args(argv)
    say(f"{write(arguments.folder, arguments.seed)} {what} in {arguments.folder}")
    return 0


def write_labels(folder: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """labels.csv, a cell that a row has not left empty, and dataset.toml with the lot as group."""
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (folder / "dataset.toml").write_text(TOML)
