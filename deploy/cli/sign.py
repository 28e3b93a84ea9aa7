"""The verb `sign`."""

from __future__ import annotations

import argparse
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
    sign.add_argument("--out", type=Path, metavar="FILE", help="in the place of signing in place")


def _sign(args: argparse.Namespace) -> int:
    from deploy.signing.keys import read_keys
    from deploy.signing.sign import sign_bundle

    keys = read_keys(args.keys)
    title = sign_bundle(args.bundle, keys, args.out)
    print(f"{args.out or args.bundle}: {title} signed by {keys.key_id}")
    return 0
