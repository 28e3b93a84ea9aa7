"""The verb `keys`: the signing key."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLE = """example:
  lineside-deploy keys init keys
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    keys = add_verb(verbs, "keys", "the signing key", EXAMPLE)
    actions = keys.add_subparsers(required=True, dest="action", metavar="ACTION")
    init = add_verb(actions, "init", "make a pair of keys in a new folder", EXAMPLE, _init)
    init.add_argument("folder", type=Path, metavar="DIR")
    init.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _init(args: argparse.Namespace) -> int:
    from deploy.signing.keys import PRIVATE, make_keys

    public = make_keys(args.folder)
    found = {"public": str(public), "private": str(args.folder / PRIVATE), "key_id": public.stem}
    print(json.dumps(found) if args.json else public)
    print(
        f"{args.folder / PRIVATE} signs: keep it here, and a copy in a safe place; "
        "give stations the .pub file",
        file=sys.stderr,
    )
    return 0
