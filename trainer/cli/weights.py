"""The verb weights: which ImageNet weights are at hand, and whether they are the known ones."""

from __future__ import annotations

import argparse
import json


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "weights",
        help="list and check the ImageNet weights that fit --weights can use",
        description="List every backbone with its source. Weights in a package are checked against "
        "their known sha256; exit code 1 where they are absent or changed.",
        epilog="example:\n  lineside-train weights",
    )
    verb.add_argument("--json", action="store_true", help="print the list on stdout as JSON")
    verb.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from trainer.models.image.backbone import list_weights

    rows = list_weights()
    if arguments.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print(f"{row['name']:20} {row['state']}\n{'':20} {row['source']}")
    return 1 if any(row["state"].startswith("faulty") for row in rows) else 0
