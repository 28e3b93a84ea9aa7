from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cases_signing import SigningRing, make_keys
from edge_agent.contracts.core.errors import SignatureError
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.update.signature import released
from edge_agent.update.trust_folder import read_root
from edge_agent.update.trusted import Trusted
from tests.station_kit import write_image_bundle


def _signed(bundle: Bundle, ring: SigningRing) -> Bundle:
    return replace(bundle, signature=ring.sign(bundle.manifest_bytes))


def _trusted_version(bundle: Bundle, trusted: Trusted, tmp_path: Path) -> int:
    return released(bundle, trusted, tmp_path, 0).trusted.timestamp


def test_station_takes_what_a_ring_signed_and_nothing_of_another_ring(tmp_path: Path) -> None:
    trusted = read_root(make_keys(tmp_path / "own"))
    make_keys(tmp_path / "stranger")
    own, stranger = SigningRing(tmp_path / "own"), SigningRing(tmp_path / "stranger")
    bundle = read_bundle(write_image_bundle(tmp_path / "a.bundle"))
    assert _trusted_version(_signed(bundle, own), trusted, tmp_path) == 1
    with pytest.raises(SignatureError, match="signed by 0/1 keys"):
        released(_signed(bundle, stranger), trusted, tmp_path, 0)


def test_manifest_that_is_signed_again_keeps_its_signature(tmp_path: Path) -> None:
    make_keys(tmp_path / "own")
    ring = SigningRing(tmp_path / "own")
    first = ring.sign(b'{"spec": {"name": "a"}, "version": "1.0.0"}')
    other = ring.sign(b'{"spec": {"name": "a"}, "version": "no version at all"}')
    assert ring.sign(b'{"spec": {"name": "a"}, "version": "1.0.0"}') == first != other
