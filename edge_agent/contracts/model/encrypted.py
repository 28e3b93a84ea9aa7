"""A bundle that only named stations can read: AES-256-GCM, its key wrapped for each of them.

    ENCRYPTED, 4 bytes length of the header (big-endian), header (JSON), ciphertext and tag

For each station: X25519 between a key of this file and the station's, HKDF-SHA-256, and AES-256-GCM
over the content key (as RFC 9180 does in its base mode; the key that wraps is used once). The
header is authenticated with the content, so that no station can be added to a file.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.bundle import ENCRYPTED

INFO = b"lineside encrypted bundle 1"
MOST_STATIONS = 10_000
MOST_HEADER_BYTES = 4 << 20
NONCE = bytes(12)
"""Every key here encrypts one message only, so that its nonce may be fixed."""
KEY = r"^[0-9a-f]{64}$"


class WrappedKey(Strict):
    """The content key for one station, named by its public key (32 bytes in hexadecimal digits)."""

    station: str = Field(pattern=KEY)
    wrapped: str = Field(pattern=r"^[0-9a-f]{96}$")


class Header(Strict):
    """ephemeral: the public key of this file."""

    ephemeral: str = Field(pattern=KEY)
    keys: list[WrappedKey] = Field(min_length=1, max_length=MOST_STATIONS)


def encrypt_bundle(payload: bytes, stations: Sequence[bytes]) -> bytes:
    """`payload` for the stations with these public keys (32 bytes each); raises ValueError."""
    ours, content_key = X25519PrivateKey.generate(), secrets.token_bytes(32)
    ephemeral = ours.public_key().public_bytes_raw()
    keys = [
        WrappedKey(
            station=station.hex(),
            wrapped=_wrapping(ours, station, ephemeral + station)
            .encrypt(NONCE, content_key, None)
            .hex(),
        )
        for station in dict.fromkeys(stations)
    ]
    header = Header(ephemeral=ephemeral.hex(), keys=keys).model_dump_json().encode()
    head = ENCRYPTED + struct.pack("!I", len(header)) + header
    return head + AESGCM(content_key).encrypt(NONCE, payload, head)


def decrypt_bundle(payload: bytes, private: X25519PrivateKey, where: str) -> bytes:
    """The content, for the station with this key; raises BundleError."""
    header, head = _header(payload, where)
    own = private.public_key().public_bytes_raw()
    wrapped = next((one.wrapped for one in header.keys if one.station == own.hex()), None)
    if wrapped is None:
        raise BundleError(
            f"is encrypted for {len(header.keys)} stations, and not for this one",
            where=where,
            cure="add this station's key (`lineside-agent slots key`) to stations.toml, and "
            "release it again with --encrypt-for",
        )
    ephemeral = bytes.fromhex(header.ephemeral)
    try:
        wrapping = _wrapping(private, ephemeral, ephemeral + own)
        content_key = wrapping.decrypt(NONCE, bytes.fromhex(wrapped), None)
        return AESGCM(content_key).decrypt(NONCE, memoryview(payload)[len(head) :], head)
    except (InvalidTag, ValueError) as error:
        raise _damaged(where) from error


def _wrapping(private: X25519PrivateKey, public: bytes, salt: bytes) -> AESGCM:
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    return AESGCM(HKDF(SHA256(), 32, salt, INFO).derive(shared))


def _header(payload: bytes, where: str) -> tuple[Header, bytes]:
    begin = len(ENCRYPTED) + 4
    size = int.from_bytes(payload[len(ENCRYPTED) : begin], "big")
    if not payload.startswith(ENCRYPTED) or size > MOST_HEADER_BYTES:
        raise _damaged(where)
    try:
        header = Header.model_validate_json(payload[begin : begin + size])
    except ValidationError as error:
        raise _damaged(where) from error
    return header, payload[: begin + size]


def _damaged(where: str) -> BundleError:
    return BundleError(
        "damaged, or encrypted by another program",
        where=where,
        cure="copy the folder of releases again, whole",
    )
