"""The verb check."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.cli.fit import config_from
from trainer.cli.groups import refuse_page

if TYPE_CHECKING:
    from trainer.console.progress import TerminalProgress
    from trainer.data.samples import Dataset
    from trainer.data.survey import Survey
    from trainer.evaluation.label_check import LabelCheck

MOST_LISTED = 12
"""Longer lists are cut in the table; --json has them all."""

HEAD = ("label", "", "samples", "groups", "train", "val", "test")


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "check",
        help="say what a data set holds, and name what is wrong with it",
        description="Count labels and groups, plan the split, read every file. "
        "Exit 0: fit to train on; 3: faults found.",
        epilog="examples:\n  lineside-train check data/castings --json\n"
        "  lineside-train check data/castings --doubts --page check.html",
    )
    verb.add_argument("dataset", type=Path, metavar="DATASET")
    verb.add_argument("--group", metavar="COLUMN", help="overrides group of dataset.toml")
    verb.add_argument("--fold", metavar="COLUMN", help="overrides fold of dataset.toml")
    verb.add_argument("--held-out", metavar="VALUE", action="append", help="as for fit")
    verb.add_argument(
        "--doubts",
        action="store_true",
        help="also name labels that are probably wrong: a quick judge on cheap features, out of "
        "fold (images and recordings; a minute for 2,000)",
    )
    verb.add_argument(
        "--page",
        type=Path,
        metavar="HTML",
        help="also write a page: of images it shows the largest groups of near-duplicates (a "
        "minute for 1,000), and with --doubts the doubtful labels",
    )
    verb.add_argument("--json", action="store_true", help="one JSON object on stdout")
    verb.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    from trainer.console.progress import TerminalProgress
    from trainer.data.load import load_dataset
    from trainer.data.survey import survey

    if arguments.page:
        refuse_page(arguments.page)
    config = config_from(arguments)
    dataset = load_dataset(arguments.dataset, group=config.group, fold=config.fold)
    progress = TerminalProgress()
    result = survey(dataset, config, progress)
    judged = _judged(dataset, result, progress) if arguments.doubts else None
    if arguments.page:
        _write_page(arguments.page, result, judged, progress)
    if arguments.json:
        print(json.dumps(result.as_json() | (_doubts_json(judged) if judged else {})))
    else:
        _print_table(result, judged)
    return 3 if result.faults or result.refusal else 0


def _judged(dataset: Dataset, result: Survey, progress: TerminalProgress) -> LabelCheck:
    """The quick judge's doubts; files that cannot be read are faults already."""
    from trainer.evaluation.label_check import check_labels

    return check_labels(_readable(dataset, result), progress)


def _readable(dataset: Dataset, result: Survey) -> Dataset:
    from dataclasses import replace

    broken = {fault.path for fault in result.faults}
    whole = tuple(sample for sample in dataset.samples if sample.path not in broken)
    return replace(dataset, samples=whole)


def _write_page(
    path: Path, result: Survey, judged: LabelCheck | None, progress: TerminalProgress
) -> None:
    """The table and the sentences as a page, and pictures of what to look at."""
    from edge_agent.contracts.core.files import write_atomic
    from trainer.data.image.near_duplicates import survey_copies
    from trainer.report.data_page import data_page
    from trainer.report.rendering import Table

    whole = _readable(result.dataset, result)
    copies = survey_copies(whole, progress) if whole.config.kind == "image" else None
    table = Table(HEAD, _rows(result), 2)
    doubts = judged.doubts if judged else ()
    lines = [re.sub(r"^(\w+) {2,}", r"\1: ", line) for line in _sentences(result)]
    write_atomic(path, data_page(whole, lines, table, copies, doubts).encode())
    progress.say(f"page: {path}")


def _doubts_json(judged: LabelCheck) -> dict[str, object]:
    return {
        "label_doubts": [
            vars(doubt) | {"margin": round(doubt.margin, 4)} for doubt in judged.doubts
        ],
        "label_judge": {"right": round(judged.right, 4), "left_out": judged.left_out},
    }


def _print_table(result: Survey, judged: LabelCheck | None) -> None:
    from trainer.console.output import print_lines, print_table

    config = result.dataset.config
    title = f"{result.dataset.root.name}: {config.task}, {len(result.dataset.samples)} samples"
    print_table(title, HEAD, _rows(result), text_columns=2)
    print_lines(*_sentences(result), *(_label_doubts(judged) if judged else []))


def _rows(result: Survey) -> list[list[str]]:
    return [
        [
            row.label,
            "good" if row.good else "",
            *map(str, (row.samples, row.groups, row.train, row.val, row.test)),
        ]
        for row in result.rows
    ]


def _sentences(result: Survey) -> list[str]:
    config = result.dataset.config
    tabular = f"column {config.tabular.label!r}" if config.tabular else ""
    lines = [f"labels   {tabular or config.labels or 'folder names'}"]
    lines.append(f"groups   {config.group or 'none: every sample stands alone'}")
    lines.append(f"split    {result.protocol or 'none can be made: ' + result.refusal}")
    if result.rates:
        lines.append(f"rates    {', '.join(one.sentence() for one in result.rates)}")
    if len(result.rates) > 1:
        lines.append("         recordings of another rate are resampled to the model's")
    lines += [f"tag      {note}" for note in result.tags]
    lines += [f"decided  {note}" for note in result.decisions]
    if result.dataset.unlisted:
        lines.append(f"note     {result.dataset.unlisted} files are not listed and not used")
    lines += [f"note     {one}" for one in _harmless(result)]
    lines += _light(result)
    lines += _lying(result)
    lines += _small_parts(result)
    lines += _cut([f"doubt    {note}" for note in result.doubts], "doubts")
    pairs = [f"same     {' = '.join(paths)}" for paths in result.identical]
    lines += _cut(pairs, "sets of byte-identical files")
    faults = [f"fault    {fault.path}: {fault.kind}, {fault.what}" for fault in result.faults]
    return lines + _cut(faults, "faults") + ([] if faults or result.refusal else ["no faults"])


def _light(result: Survey) -> list[str]:
    """What of the good pictures is black or white, and what can be done."""
    from trainer.data.image.clipping import NOTEWORTHY

    if result.light is None:
        return []
    lines = [f"light    {result.light.sentence()}"]
    if result.light.white > NOTEWORTHY:
        lines.append(
            "         no defect can be seen at 255: a part as bright as that needs less light"
        )
    return lines


def _lying(result: Survey) -> list[str]:
    """How good parts lie, and what helps; nothing where no part is seen."""
    if result.lying is None or not result.lying.sentence():
        return []
    lines = [f"lying    {result.lying.sentence()}"]
    if result.lying.kind != "anyhow":
        return lines
    if result.dataset.config.task == "image-anomaly":
        lines += ["         fit tries to move each part to where one of them lies, and takes that"]
        lines += ["         where it finds clearly more flaws"]
    else:
        lines += ["         move each part to where one of them lies: align = true and"]
        lines += ["         align_turn_deg = 180 under [image] in the file of fit --config"]
    return lines


def _small_parts(result: Survey) -> list[str]:
    """Where parts are small in their frames, and what fit does about it."""
    if result.part_box is None:
        return []
    return [
        f"part     small in its frame: {result.part_box.sentence()}",
        "         fit may try to cut it out, and takes that where it finds clearly more; set",
        "         cut_out under [image] in the file of fit --config to spare the trial",
    ]


def _harmless(result: Survey) -> list[str]:
    """What lies in the folder and was never meant to be a sample."""
    from edge_agent.contracts.core.folder_scan import count_by_reason

    return count_by_reason(one for one in result.dataset.left_out if one.harmless)


def _label_doubts(judged: LabelCheck) -> list[str]:
    lines = [
        f"look at  {doubt.path}: labelled {doubt.label}, looks like {doubt.suggested} "
        f"({doubt.margin:.2f})"
        for doubt in judged.doubts
    ]
    sentences = (
        f"judge    {len(lines)} doubtful labels; out of fold it meets {judged.right:.1%} of all"
    )
    rest = f", and knows nothing of {', '.join(judged.left_out)}" if judged.left_out else ""
    return [sentences + rest, *_cut(lines, "doubtful labels")]


def _cut(lines: list[str], what: str) -> list[str]:
    if len(lines) <= MOST_LISTED:
        return lines
    return [*lines[:MOST_LISTED], f"         ... {len(lines)} {what} in all: --json lists them"]
