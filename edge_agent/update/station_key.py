"""A station's own key, by which it alone reads the bundles that are encrypted for it.

ROOT/keys/station.pem: an X25519 key that root alone reads. It never leaves the station.
"""

from __future__ import annotations

from pathlib import Path

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

FOLDER, FILE = "keys", "station.pem"


def public_key(root: Path) -> bytes:
    """The public half, 32 bytes; the key is made where there is none. Raises StorageError."""
    found = _read(root) or _make(root)
    return found.public_key().public_bytes_raw()


def readable(root: Path, payload: bytes, where: str) -> bytes:
    """`payload` itself, or what is encrypted in it for this station.

    Raises BundleError for what is not for this station, StorageError for a damaged key.
    """
    if not payload.startswith(ENCRYPTED):
        return payload
    return decrypt_bundle(payload, _read(root) or X25519PrivateKey.generate(), where)


def _make(root: Path) -> X25519PrivateKey:
    private = X25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_below(root, FOLDER, FILE, text, mode=0o600)
    return private


def _read(root: Path) -> X25519PrivateKey | None:
    path, text = root / FOLDER / FILE, read_below(root, FOLDER, FILE)
    if text is None:
        return None
    try:
        private = load_pem_private_key(text, None)
    except (ValueError, TypeError) as error:
        raise _damaged(path) from error
    if not isinstance(private, X25519PrivateKey):
        raise _damaged(path)
    return private


def _damaged(path: Path) -> StorageError:
    return StorageError(
        "is no key of a station",
        where=str(path),
        cure="remove it, make another one (`lineside-agent slots key`), and release for that",
    )
