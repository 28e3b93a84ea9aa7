"""The signature of a bundle: TUF metadata that leads from a root to the bundle's manifest.

Lineside uses The Update Framework (TUF specification 1.0) as it stands: a root that two of three
offline keys sign, targets that delegate to product lines, a snapshot, and a timestamp. The
metadata of a release lies in a static folder; `Signature` is the part of it that one bundle
needs, so that a bundle carries its own proof over ssh, on a stick, and in its slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.strict import Strict

KEY_ID_DIGITS = 16
MOST_ROOTS = 64
"""A root is replaced when a key is; one that was replaced every year is 64 years old by then."""
MANIFEST_SHA256 = "manifest_sha256"
"""In the `custom` table of a TUF target: the manifest, which binds every file of the bundle."""
SIGNED_AT = "x-lineside-signed-at"
"""In timestamp.json: when it was signed (UTC, ISO 8601), a lower bound for a station's clock."""
WITHDRAWN = "x-lineside-withdrawn"
"""In a line's targets: sha256 of the manifests that no station shall install or return to."""

Line = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
"""The name of a product line, which is the name of its TUF role."""


class Signature(Strict):
    """manifest.sig: the text of every metadata file from the first root to the line's targets."""

    roots: list[str] = Field(min_length=1, max_length=MOST_ROOTS)
    timestamp: str
    snapshot: str
    targets: str
    line: Line
    line_targets: str


def target_path(line: str, name: str, version: str) -> str:
    """The TUF target path of a bundle."""
    return f"{line}/{name}-{version}.bundle"


def key_id(raw_public_key: bytes) -> str:
    """The name of a public key, from its 32 raw bytes."""
    return sha256_hex(raw_public_key)[:KEY_ID_DIGITS]


def withdrawn_manifests(fields: Mapping[str, object]) -> frozenset[str]:
    """What the unrecognised fields of a line's targets withdraw."""
    found = fields.get(WITHDRAWN)
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()
