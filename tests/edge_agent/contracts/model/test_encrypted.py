"""Encrypted bundles, read by another library, by other stations, and after damage."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.model.bundle import ENCRYPTED, parse_bundle
from edge_agent.contracts.model.encrypted import decrypt_bundle, encrypt_bundle

ONE, TWO, THREE = (X25519PrivateKey.generate() for _ in range(3))
CONTENT = b"a bundle" * 100
FILE = encrypt_bundle(CONTENT, [key.public_key().public_bytes_raw() for key in (ONE, TWO)])


def test_each_named_station_reads_it_and_no_other() -> None:
    assert decrypt_bundle(FILE, ONE, "x") == decrypt_bundle(FILE, TWO, "x") == CONTENT
    with pytest.raises(BundleError, match="is encrypted for 2 stations, and not for this one"):
        decrypt_bundle(FILE, THREE, "x")
    with pytest.raises(BundleError, match="x: is encrypted for named stations: a station of them"):
        parse_bundle(FILE, "x")


def test_another_library_reads_it_by_the_description() -> None:
    """X25519, HKDF-SHA-256 and AES-256-GCM of pycryptodome."""
    crypto = pytest.importorskip("Crypto", reason="NOT TESTED: pycryptodome is not installed")
    assert crypto
    from Crypto.Cipher import AES
    from Crypto.Hash import SHA256
    from Crypto.Protocol.DH import (
        import_x25519_private_key,
        import_x25519_public_key,
        key_agreement,
    )
    from Crypto.Protocol.KDF import HKDF

    begin = len(ENCRYPTED) + 4
    end = begin + int.from_bytes(FILE[begin - 4 : begin], "big")
    header = json.loads(FILE[begin:end])
    public = TWO.public_key().public_bytes_raw()
    (row,) = (one for one in header["keys"] if one["station"] == public.hex())
    ephemeral = bytes.fromhex(header["ephemeral"])

    def derive(shared: bytes) -> bytes:
        key = HKDF(shared, 32, ephemeral + public, SHA256, 1, b"lineside encrypted bundle 1")
        assert isinstance(key, bytes)
        return key

    wrapping = key_agreement(
        static_priv=import_x25519_private_key(TWO.private_bytes_raw()),
        static_pub=import_x25519_public_key(ephemeral),
        kdf=derive,
    )

    def opened(key: bytes, text: bytes, head: bytes) -> bytes:
        cipher = AES.new(key, AES.MODE_GCM, nonce=bytes(12))
        cipher.update(head)
        return cipher.decrypt_and_verify(text[:-16], text[-16:])

    content_key = opened(wrapping, bytes.fromhex(row["wrapped"]), b"")
    assert opened(content_key, FILE[end:], FILE[:end]) == CONTENT


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, change: int) -> None:
    changed = bytearray(FILE)
    changed[place] ^= change
    with pytest.raises(BundleError):
        decrypt_bundle(bytes(changed), ONE, "x")


@pytest.mark.parametrize("size", [0, 5, len(ENCRYPTED), len(ENCRYPTED) + 4, 200, len(FILE) - 1])
def test_a_cut_file_is_named(size: int) -> None:
    with pytest.raises(BundleError, match="x: damaged, or encrypted by another program"):
        decrypt_bundle(FILE[:size], ONE, "x")


def test_no_two_files_are_alike() -> None:
    assert encrypt_bundle(CONTENT, [ONE.public_key().public_bytes_raw()]) != encrypt_bundle(
        CONTENT, [ONE.public_key().public_bytes_raw()]
    )
