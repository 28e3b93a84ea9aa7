"""ROOT/keys/station.tpm: the station's X25519 key, sealed by the TPM of its board.

It takes the place of ROOT/keys/station.pem, and never the other way round by itself: where the
TPM does not give the key, nothing else does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.encrypted import KEY
from edge_agent.update.folder import read_below, write_below
from edge_agent.update.tpm import Sealed, Tpm

FOLDER, NAME = "keys", "station.tpm"


class TpmKey(Strict):
    """The file's content. key: the public key, 32 bytes in hexadecimal digits."""

    key: str = Field(pattern=KEY)
    sealed: Sealed


def read_from_tpm(root: Path, tpm: Tpm) -> X25519PrivateKey | None:
    """The key, in memory; None for a station whose key no TPM seals.

    Raises DeviceError where the TPM is absent, another one or refuses, StorageError for a damaged
    file.
    """
    text = read_below(root, FOLDER, NAME)
    if text is None:
        return None
    try:
        found = TpmKey.model_validate_json(text)
    except ValidationError as error:
        raise _damaged(root) from error
    private = _unsealed(found, str(root / FOLDER / NAME), tpm)
    if private is None:
        raise _damaged(root)
    return private


def seal_in_tpm(root: Path, private: X25519PrivateKey, pcrs: Sequence[int], tpm: Tpm) -> None:
    """Write the file; it is read back from the TPM before it takes any other's place.

    pcrs: the TPM gives the key only while these have their values of now. Raises DeviceError or
    StorageError.
    """
    made = TpmKey(
        key=private.public_key().public_bytes_raw().hex(),
        sealed=tpm.seal(private.private_bytes_raw(), pcrs),
    )
    if _unsealed(made, "the new key", tpm) is None:
        raise _damaged(root)
    write_below(root, FOLDER, NAME, made.model_dump_json().encode(), mode=0o600)


def _unsealed(found: TpmKey, where: str, tpm: Tpm) -> X25519PrivateKey | None:
    """None where the secret is not of this public key."""
    secret = tpm.unseal(found.sealed, where)
    try:
        private = X25519PrivateKey.from_private_bytes(secret)
    except ValueError:
        return None
    return private if private.public_key().public_bytes_raw().hex() == found.key else None


def _damaged(root: Path) -> StorageError:
    return StorageError(
        "is no key of a station",
        where=str(root / FOLDER / NAME),
        cure="put back the file as it was, or make another key (docs/encryption.md)",
    )
