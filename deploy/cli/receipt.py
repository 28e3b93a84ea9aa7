"""The verb `receipt`: whether a card's receipt is what was signed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge_agent.contracts.core.command import Verbs, add_verb
from edge_agent.contracts.core.errors import ConfigError

EXAMPLES = """examples:
  lineside-deploy receipt card7.json --key keys/online.pub
  lineside-deploy receipt card7.json --key keys/online.pub --json

Exit code 1 where the receipt was altered, or another key signed it.
"""


def register(verbs: Verbs) -> None:
    """Add the verb."""
    text = "check the signature of a card's receipt"
    receipt = add_verb(verbs, "receipt", text, EXAMPLES, _receipt)
    receipt.add_argument("receipt", type=Path, metavar="RECEIPT", help="from flash --receipt")
    receipt.add_argument("--key", type=Path, required=True, metavar="KEY.pub", help="who signed it")
    receipt.add_argument("--json", action="store_true", help="the receipt as JSON on stdout")


def _receipt(args: argparse.Namespace) -> int:
    from deploy.flash.receipt import check_receipt
    from deploy.signing.keys import read_public_key

    try:
        document = args.receipt.read_bytes()
    except OSError as error:
        cure = "name the file of `lineside-deploy flash --receipt`"
        raise ConfigError(
            f"cannot be read ({error.strerror})", where=str(args.receipt), cure=cure
        ) from error
    found = check_receipt(document, read_public_key(args.key))
    print(json.dumps(found) if args.json else f"{args.receipt}: signed by {args.key.stem}")
    return 0
