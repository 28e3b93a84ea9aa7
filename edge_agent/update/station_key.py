"""A station's own keys, which never leave it.

ROOT/keys/station.pem: X25519, by which it alone reads the bundles that are encrypted for it.
ROOT/keys/report.pem: Ed25519, by which it signs what it reports to a rollout.

Root alone reads both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.model.bundle import ENCRYPTED
from edge_agent.contracts.model.encrypted import decrypt_bundle
from edge_agent.update.folder import read_below, write_below

FOLDER, STATION, REPORT = "keys", "station.pem", "report.pem"

Key = TypeVar("Key", X25519PrivateKey, Ed25519PrivateKey)


def public_keys(root: Path) -> dict[str, str]:
    """The keys of the inventory -> 32 bytes in hexadecimal digits; made where there are none.

    Raises StorageError.
    """
    return {
        "key": _own(root, STATION, X25519PrivateKey).public_key().public_bytes_raw().hex(),
        "report_key": _own(root, REPORT, Ed25519PrivateKey).public_key().public_bytes_raw().hex(),
    }


def report_signer(root: Path) -> Callable[[bytes], bytes] | None:
    """What signs a report; None for a station without keys. Raises StorageError."""
    found = _read(root, REPORT, Ed25519PrivateKey)
    return None if found is None else found.sign


def readable(root: Path, payload: bytes, where: str) -> bytes:
    """`payload` itself, or what is encrypted in it for this station.

    Raises BundleError for what is not for this station, StorageError for a damaged key.
    """
    if not payload.startswith(ENCRYPTED):
        return payload
    private = _read(root, STATION, X25519PrivateKey) or X25519PrivateKey.generate()
    return decrypt_bundle(payload, private, where)


def _own(root: Path, name: str, kind: type[Key]) -> Key:
    found = _read(root, name, kind)
    if found is not None:
        return found
    private: Key = kind.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_below(root, FOLDER, name, text, mode=0o600)
    return private


def _read(root: Path, name: str, kind: type[Key]) -> Key | None:
    text = read_below(root, FOLDER, name)
    if text is None:
        return None
    try:
        private = load_pem_private_key(text, None)
    except (ValueError, TypeError) as error:
        raise _damaged(root / FOLDER / name) from error
    if not isinstance(private, kind):
        raise _damaged(root / FOLDER / name)
    return private


def _damaged(path: Path) -> StorageError:
    return StorageError(
        "is no key of a station",
        where=str(path),
        cure="remove it, make another one (`lineside-agent slots key`), and write that into "
        "stations.toml",
    )
