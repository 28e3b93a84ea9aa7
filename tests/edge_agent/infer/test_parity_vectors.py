"""Vectors that a stranger made: read, or an error of the bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.infer.parity_vectors import read_vectors
from tests.station_kit import write_image_bundle

HEADERS = (b"PK\x03\x04", 6), (b"PK\x01\x02", 8)
"""Signature of an entry's headers, and where its flags lie (PKWARE APPNOTE 4.3)."""


@pytest.mark.parametrize("flag", [0x01, 0x20, 0x40], ids=["encrypted", "patched", "strong"])
def test_an_entry_that_cannot_be_opened_is_an_error_of_the_bundle(
    tmp_path: Path, flag: int
) -> None:
    bundle = read_bundle(write_image_bundle(tmp_path / "a.bundle"))
    payload = bytearray(bundle.files["vectors.npz"])
    for signature, flags in HEADERS:
        at = payload.find(signature)
        while at >= 0:
            payload[at + flags] |= flag
            at = payload.find(signature, at + 4)
    changed = replace(bundle, files={**bundle.files, "vectors.npz": bytes(payload)})
    with pytest.raises(BundleError, match=r"vectors\.npz: cannot be read \("):
        read_vectors(changed)
