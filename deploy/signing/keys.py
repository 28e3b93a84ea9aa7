"""The workshop's keys: one Ed25519 key for each role, in a folder of its own.

DIR/root-1.pem root-2.pem root-3.pem   two of them sign a new root; to be stored apart, offline
DIR/targets.pem                        says which product lines there are
DIR/line-NAME.pem                      releases the bundles of one product line
DIR/online.pem                         snapshot and timestamp, and the receipts of cards
DIR/online.pub                         checks receipts
DIR/root.json                          what stations trust

Private keys have mode 0600, and are encrypted where a pass phrase is given.
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
    BestAvailableEncryption,
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

ROOTS = ("root-1", "root-2", "root-3")
TARGETS, ONLINE = "targets", "online"
ROOT_JSON = "root.json"
OTHERS = 0o077
"""Permission bits of group and others."""


@dataclass(frozen=True)
class KeyPair:
    """A private key and the id of its public one."""

    private: Ed25519PrivateKey
    key_id: str


@dataclass(frozen=True)
class Keyring:
    """The keys in a folder; `passphrase` opens those that are encrypted."""

    folder: Path
    passphrase: bytes | None = None

    def has(self, name: str) -> bool:
        """Whether the private key `name` lies there."""
        return self._path(name).exists()

    def make(self, name: str) -> Ed25519PrivateKey:
        """Make the key `name`; raises StorageError where there is one already."""
        if self.has(name):
            raise StorageError(
                "a key is already there",
                where=str(self._path(name)),
                cure="stations trust it: `lineside-deploy keys rotate` replaces it",
            )
        private = Ed25519PrivateKey.generate()
        self.store(name, private)
        return private

    def store(self, name: str, private: Ed25519PrivateKey) -> None:
        """Write the key `name`, in the place of one that may be there."""
        way = BestAvailableEncryption(self.passphrase) if self.passphrase else NoEncryption()
        text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, way)
        write_atomic(self._path(name), text, mode=0o600)

    def read(self, name: str) -> Ed25519PrivateKey:
        """The private key `name`; raises ConfigError that names the file and the cure."""
        path = self._path(name)
        try:
            payload = path.read_bytes()
            mode = path.stat().st_mode
        except OSError as error:
            raise ConfigError(
                f"the private key cannot be read ({error.strerror})",
                where=str(path),
                cure="name the folder of `lineside-deploy keys init DIR` with --keys DIR, and "
                "put the key there for the time of this command",
            ) from error
        if mode & OTHERS and os.name == "posix":
            raise ConfigError(
                f"the private key is open to others (mode {mode & 0o777:o})",
                where=str(path),
                cure=f"chmod 600 {path}",
            )
        return _parse(payload, self.passphrase, path)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.pem"


def line_key(line: str) -> str:
    """The name of a product line's key."""
    return f"line-{line}"


def make_folder(folder: Path) -> None:
    """Make the folder of keys, for its owner only; raises StorageError where keys lie in it."""
    if any(folder.glob("*.pem")) or (folder / ROOT_JSON).exists():
        raise StorageError(
            "a key is already there",
            where=str(folder),
            cure="name another folder; stations trust the key that exists",
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def write_public(path: Path, private: Ed25519PrivateKey) -> None:
    """Write the public half as PEM."""
    public = private.public_key()
    write_atomic(path, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def read_keys(folder: Path, passphrase: bytes | None = None) -> KeyPair:
    """The online key of `folder`, which signs receipts; raises ConfigError."""
    private = Keyring(folder, passphrase).read(ONLINE)
    return KeyPair(private, key_id(private.public_key().public_bytes_raw()))


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read a .pub file; raises ConfigError."""
    cure = f"name the file {ONLINE}.pub that `lineside-deploy keys init` wrote"
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"no public key ({error})", where=str(path), cure=cure) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError("a key of another kind", where=str(path), cure=cure)
    return key


def _parse(payload: bytes, passphrase: bytes | None, path: Path) -> Ed25519PrivateKey:
    encrypted = b"ENCRYPTED" in payload
    try:
        private = load_pem_private_key(payload, password=passphrase if encrypted else None)
    except TypeError as error:
        raise ConfigError(
            "the private key has a pass phrase",
            where=str(path),
            cure="add --passphrase-file FILE",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        what = "not opened by this pass phrase" if encrypted else "not a private key in PEM"
        raise ConfigError(
            what,
            where=str(path),
            cure="check the pass phrase" if encrypted else "restore it from your copy",
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(
            "a key of another kind, Ed25519 is needed",
            where=str(path),
            cure="make a pair with `lineside-deploy keys init`",
        )
    return private
