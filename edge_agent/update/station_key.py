"""A station's own keys, which never leave it.

ROOT/keys/station.tpm: X25519, by which it alone reads the bundles that are encrypted for it,
sealed by its board's TPM; or ROOT/keys/station.pem: the same in a file.
ROOT/keys/report.pem: Ed25519, by which it signs what it reports to a rollout.

Root alone reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

from edge_agent.contracts.core.errors import DeviceError, StorageError
from edge_agent.contracts.model.bundle import ENCRYPTED
from edge_agent.contracts.model.encrypted import decrypt_bundle
from edge_agent.update.folder import read_below, refuse_missing, remove_below, write_below
from edge_agent.update.tpm import Tpm
from edge_agent.update.tpm_key import FOLDER, read_from_tpm, seal_in_tpm

STATION, REPORT = "station.pem", "report.pem"

Key = TypeVar("Key", X25519PrivateKey, Ed25519PrivateKey)


def public_keys(root: Path) -> dict[str, str]:
    """The keys of the inventory -> 32 bytes in hexadecimal digits; made where there are none.

    Raises StorageError, and DeviceError for a key that the TPM does not give.
    """
    station = _station_key(root) or _written(root, STATION, X25519PrivateKey.generate())
    report = _report_key(root) or _written(root, REPORT, Ed25519PrivateKey.generate())
    return {
        "key": station.public_key().public_bytes_raw().hex(),
        "report_key": report.public_key().public_bytes_raw().hex(),
    }


def move_to_tpm(root: Path, pcrs: Sequence[int] | None, tpm: Tpm) -> None:
    """From now on the board's TPM seals the station's key: the one in the file, or a new one.

    pcrs: the TPM gives it only while these have their values of now; None: as it is, without any
    for a new one. May be repeated after a kill at any point: the key in the file goes last.
    Raises DeviceError or StorageError; the key is where it was then.
    """
    refuse_missing(root)
    sealed, in_file = read_from_tpm(root, tpm), _key_in_file(root)
    if sealed and in_file and not _are_one(sealed, in_file):
        raise StorageError(
            "holds another key than the TPM does",
            where=str(root / FOLDER / STATION),
            cure="remove the one whose public key is not in stations.toml",
        )
    if sealed is None or pcrs is not None:
        private = sealed or in_file or X25519PrivateKey.generate()
        seal_in_tpm(root, private, pcrs or (), tpm)
    remove_below(root, FOLDER, STATION)


def report_signer(root: Path) -> Callable[[bytes], bytes] | None:
    """What signs a report; None for a station without keys. Raises StorageError."""
    found = _report_key(root)
    return None if found is None else found.sign


def readable(root: Path, payload: bytes, where: str) -> bytes:
    """`payload` itself, or what is encrypted in it for this station.

    Raises BundleError for what is not for this station, StorageError for a key that is damaged, or
    that the TPM does not give.
    """
    if not payload.startswith(ENCRYPTED):
        return payload
    try:
        private = _station_key(root) or X25519PrivateKey.generate()
    except DeviceError as error:
        # To an updater a device is the server that is away, for which it waits without an end.
        raise StorageError(error.what, where=error.where, cure=error.cure) from error
    return decrypt_bundle(payload, private, where)


def _station_key(root: Path) -> X25519PrivateKey | None:
    return read_from_tpm(root, Tpm()) or _key_in_file(root)


def _are_one(one: X25519PrivateKey, other: X25519PrivateKey) -> bool:
    return one.public_key().public_bytes_raw() == other.public_key().public_bytes_raw()


def _key_in_file(root: Path) -> X25519PrivateKey | None:
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
