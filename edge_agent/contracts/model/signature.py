"""manifest.sig: what the deployer writes into a bundle and the station demands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.strict import Strict

KEY_ID_DIGITS = 16

KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Signature(Strict):
    """An Ed25519 signature (RFC 8032) over the exact bytes of manifest.json."""

    algorithm: Literal["ed25519"] = "ed25519"
    key_id: KeyId = Field(description="first 16 hex digits of the sha256 of the raw public key")
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


def key_id(raw_public_key: bytes) -> str:
    """The name of a public key, from its 32 raw bytes."""
    return sha256_hex(raw_public_key)[:KEY_ID_DIGITS]
