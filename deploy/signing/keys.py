"""The workshop's signing key: an Ed25519 pair in a folder of its own.

DIR/private.pem      signs; mode 0600; never leaves the workshop
DIR/<key_id>.pub     what stations trust
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.files import storage_error, write_atomic
from edge_agent.contracts.model.signature import key_id

PRIVATE = "private.pem"
OTHERS = 0o077
"""Permission bits of group and others."""


@dataclass(frozen=True)
class KeyPair:
    """A private key and the id of its public one."""

    private: Ed25519PrivateKey
    key_id: str


def make_keys(folder: Path) -> Path:
    """Make a pair in `folder`; returns the path of the public key. Never overwrites a key."""
    private_path = folder / PRIVATE
    if private_path.exists() or any(folder.glob("*.pub")):
        raise StorageError(
            "a key is already there",
            where=str(folder),
            cure="name another folder; stations trust the key that exists",
        )
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomic(private_path, text, mode=0o600)
    public_path = folder / f"{key_id(_raw(private))}.pub"
    write_atomic(public_path, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public_path


def read_keys(folder: Path) -> KeyPair:
    """Read the pair in `folder`; raises ConfigError that names the file and the cure."""
    path = folder / PRIVATE
    try:
        payload = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(
            f"the private key cannot be read ({error.strerror})",
            where=str(path),
            cure="name the folder of `lineside-deploy keys init DIR` with --keys DIR",
        ) from error
    if mode & OTHERS and os.name == "posix":
        raise ConfigError(
            f"the private key is open to others (mode {mode & 0o777:o})",
            where=str(path),
            cure=f"chmod 600 {path}",
        )
    private = _parse(payload, path)
    return KeyPair(private, key_id(_raw(private)))


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read a .pub file; raises ConfigError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        cure = "name the .pub file that `lineside-deploy keys init` wrote"
        raise ConfigError(f"no public key ({error})", where=str(path), cure=cure) from error
    if not isinstance(key, Ed25519PublicKey):
        cure = "name the .pub file that `lineside-deploy keys init` wrote"
        raise ConfigError("a key of another kind", where=str(path), cure=cure)
    return key


def _parse(payload: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        private = load_pem_private_key(payload, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            "not a private key in PEM without a passphrase",
            where=str(path),
            cure="restore it from your copy, or make a new pair with `lineside-deploy keys init`",
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(
            "a key of another kind, Ed25519 is needed",
            where=str(path),
            cure="make a pair with `lineside-deploy keys init`",
        )
    return private


def _raw(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
