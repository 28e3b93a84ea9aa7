"""`lineside-agent evidence`: list, protect and export what the station kept."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.cli.history import add_selection, selection_of, time_text
from edge_agent.contracts.core.command import Verbs
from edge_agent.contracts.core.printable import printable

if TYPE_CHECKING:
    from edge_agent.evidence.folder import Kept

EXAMPLES = """examples:
  lineside-agent evidence list state --since 8h --verdict FAIL
  lineside-agent evidence protect state --part PART-4711
  lineside-agent evidence export state rejects --since 7d
  lineside-train check rejects

The labels of an export are those that people gave at the page; where there are none they are the
station's predictions: correct them before training.

exit codes: 0 ok, 1 nothing fits
"""


def register(verbs: Verbs) -> None:
    """Add the verb `evidence`."""
    evidence = verbs.add_parser("evidence", help="what the station kept", epilog=EXAMPLES)
    actions = evidence.add_subparsers(dest="action", required=True, metavar="ACTION")
    _action(actions, "list", "what is kept, oldest first", _list)
    _action(actions, "protect", "let nobody remove it", _protect)
    _action(actions, "unprotect", "let it go when its turn comes", _protect)
    export = _action(actions, "export", "write a data set for the trainer", _export)
    export.add_argument("out", type=Path, metavar="OUT", help="a new folder")


def _action(actions: Verbs, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, epilog=EXAMPLES)
    parser.add_argument("state", type=Path, metavar="STATE_DIR")
    add_selection(parser)
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    parser.set_defaults(run=run)
    return parser


def _list(args: argparse.Namespace) -> int:
    from edge_agent.evidence.labels import read_labels

    for one in _selected(args):
        said = read_labels(args.state / "evidence", one.stem)
        agreed = said.agreed.label if said.agreed else ""
        if args.json:
            shown = one.record.model_dump(mode="json", exclude_none=True)
            more = {"protected": one.protected, "label": agreed, "labelled": said.state}
            print(json.dumps(shown | more, ensure_ascii=False))
        else:
            print(_line(one, f"{said.state}: {agreed}" if agreed else ""))
    return 0


def _protect(args: argparse.Namespace) -> int:
    from edge_agent.evidence.folder import protect, unprotect

    act = protect if args.action == "protect" else unprotect
    found = _selected(args)
    if not found:
        print("error: no evidence fits", file=sys.stderr)
        return 1
    for one in found:
        act(args.state / "evidence", one.stem)
    print(json.dumps({args.action: len(found)}) if args.json else f"{args.action}: {len(found)}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from edge_agent.evidence.export import export

    done = export(args.state / "evidence", _selected(args), args.out)
    if args.json:
        print(json.dumps(asdict(done)))
        return 0
    labels = ", ".join(f"{count} {label}" for label, count in done.labels.items())
    print(f"{args.out}: {done.samples} samples of {done.kind} ({labels})")
    if done.disputed:
        print(f"{done.disputed} are left out: people disagree on them", file=sys.stderr)
    if done.lost:
        print(f"{done.lost} were removed by the station meanwhile", file=sys.stderr)
    print("correct the labels in labels.csv, then `lineside-train check`", file=sys.stderr)
    return 0


def _selected(args: argparse.Namespace) -> list[Kept]:
    from edge_agent.evidence.folder import read_kept

    wanted = selection_of(args)
    return [
        one
        for one in read_kept(args.state / "evidence")
        if wanted.fits(
            one.record.captured_at_ns,
            one.record.part_id,
            one.record.verdict.verdict,
            {one.record.verdict.label},
            {one.record.verdict.channel},
        )
    ]


def _line(one: Kept, said: str) -> str:
    record, verdict = one.record, one.record.verdict
    words = [time_text(record.captured_at_ns), verdict.verdict, record.part_id, verdict.label]
    words += [f"({record.cause})", said, record.file, "protected" if one.protected else ""]
    return printable("  ".join(word for word in words if word))
