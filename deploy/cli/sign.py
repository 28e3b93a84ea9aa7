"""The verb `sign`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb

EXAMPLES = """examples:
  lineside-deploy sign caps-1.0.0.bundle --keys keys
  lineside-deploy sign caps-1.0.0.bundle --keys keys --out signed/caps-1.0.0.bundle
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    sign = add_verb(verbs, "sign", "sign a bundle", EXAMPLES, _sign)
    sign.add_argument("bundle", type=Path, metavar="BUNDLE")
    sign.add_argument(
        "--keys", type=Path, default=Path("keys"), metavar="DIR", help="folder of keys (keys)"
    )
    sign.add_argument("--out", type=Path, metavar="FILE", help="leave BUNDLE as it is, write this")
    sign.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _sign(args: argparse.Namespace) -> int:
    from deploy.signing.keys import read_keys
    from deploy.signing.sign import sign_bundle

    keys = read_keys(args.keys)
    title = sign_bundle(args.bundle, keys, args.out)
    path = args.out or args.bundle
    found = {"bundle": str(path), "title": title, "key_id": keys.key_id}
    print(json.dumps(found) if args.json else f"{path}: {title} signed by {keys.key_id}")
    return 0
