"""The verb weights: which ImageNet weights are at hand, and whether they are the known ones."""

from __future__ import annotations

import argparse
import json
import sys


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "weights",
        help="list, check and fetch the ImageNet weights that fit --weights can use",
        description="List every backbone with its source. Weights in a package are checked against "
        "their known sha256, files in your folder are named; exit code 1 where a file is faulty or "
        "none is at hand.",
        epilog="examples:\n  lineside-train weights\n  lineside-train weights --fetch mobilenet_v2",
    )
    verb.add_argument("--json", action="store_true", help="print the list on stdout as JSON")
    verb.add_argument(
        "--fetch",
        metavar="NAME",
        help="first get the weights of this backbone from the network: a package by pip, others "
        "by Keras into your folder",
    )
    verb.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from trainer.models.image.weights import fetch, list_weights, unknown_files, user_folder

    if arguments.fetch:
        print(f"{arguments.fetch}: {fetch(arguments.fetch)}", file=sys.stderr)
    rows = list_weights()
    if arguments.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print(f"{row['name']:32} {row['state']}\n{'':32} {row['source']}")
        print(f"your folder: {user_folder()}")
    for path in unknown_files():
        print(f"left out: {path} (its name begins with no backbone's)", file=sys.stderr)
    faulty = any(row["state"].startswith("faulty") for row in rows)
    return int(faulty or not any(row["state"].startswith("ready") for row in rows))
