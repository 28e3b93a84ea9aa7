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
    station = _station_key(root) or _written(root, STATION, X25519PrivateKey.generate())
    report = _report_key(root) or _written(root, REPORT, Ed25519PrivateKey.generate())
    return {
        "key": station.public_key().public_bytes_raw().hex(),
        "report_key": report.public_key().public_bytes_raw().hex(),
    }


def report_signer(root: Path) -> Callable[[bytes], bytes] | None:
    """What signs a report; None for a station without keys. Raises StorageError."""
    found = _report_key(root)
    return None if found is None else found.sign


def readable(root: Path, payload: bytes, where: str) -> bytes:
    """`payload` itself, or what is encrypted in it for this station.

    Raises BundleError for what is not for this station, StorageError for a damaged key.
    """
    if not payload.startswith(ENCRYPTED):
        return payload
    return decrypt_bundle(payload, _station_key(root) or X25519PrivateKey.generate(), where)


def _station_key(root: Path) -> X25519PrivateKey | None:
    found = _read(root, STATION)
    if found is None or isinstance(found, X25519PrivateKey):
        return found
    raise _damaged(root, STATION)


def _report_key(root: Path) -> Ed25519PrivateKey | None:
    found = _read(root, REPORT)
    if found is None or isinstance(found, Ed25519PrivateKey):
        return found
    raise _damaged(root, REPORT)


def _written(root: Path, name: str, private: Key) -> Key:
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_below(root, FOLDER, name, text, mode=0o600)
    return private


def _read(root: Path, name: str) -> object | None:
    text = read_below(root, FOLDER, name)
    if text is None:
        return None
    try:
        return load_pem_private_key(text, None)
    except (ValueError, TypeError) as error:
        raise _damaged(root, name) from error


def _damaged(root: Path, name: str) -> StorageError:
    return StorageError(
        "is no key of a station",
        where=str(root / FOLDER / name),
        cure="remove it, make another one (`lineside-agent slots key`), and write that into "
        "stations.toml",
    )
