"""The signed receipt of a card: what was written to which device, by whom, with every hash."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from deploy.signing.keys import KeyPair
from edge_agent.contracts.core.errors import SignatureError


def sign_receipt(receipt: Mapping[str, object], keys: KeyPair) -> bytes:
    """The receipt as a JSON document; the signature is over `receipt` as `canonical` writes it."""
    signature = {"key_id": keys.key_id, "ed25519": keys.private.sign(canonical(receipt)).hex()}
    return (json.dumps({"receipt": receipt, "signature": signature}, indent=1) + "\n").encode()


def check_receipt(document: bytes, public: Ed25519PublicKey) -> dict[str, object]:
    """The receipt in a signed document; raises SignatureError."""
    try:
        found = json.loads(document)
        receipt = found["receipt"]
        public.verify(bytes.fromhex(found["signature"]["ed25519"]), canonical(receipt))
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        cure = "it was altered, or another key signed it"
        raise SignatureError("the receipt's signature does not fit", cure=cure) from error
    return dict(receipt)


def canonical(receipt: Mapping[str, object]) -> bytes:
    """Sorted keys, no spaces, ASCII: the same bytes from any program."""
    return json.dumps(receipt, sort_keys=True, separators=(",", ":")).encode()
