"""The workshop's keys: one Ed25519 key for each role, in a folder of its own.

DIR/root-1.pem root-2.pem root-3.pem   two of them sign a new root; to be stored apart, offline
DIR/targets.pem                        says which product lines there are
DIR/line-NAME.pem                      releases the bundles of one product line
DIR/online.pem                         snapshot and timestamp, and the receipts of cards
DIR/online.pub                         checks receipts
DIR/root.json                          what stations trust

Private keys have mode 0600, and are encrypted where a pass phrase is given. In the place of
NAME.pem, NAME.p11 names a key on a token (PKCS#11), which never leaves it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

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

from deploy.signing.token import TokenKey, TokenUri, make_on_token
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.files import storage_error, write_atomic
from edge_agent.contracts.core.secret_file import read_secret
from edge_agent.contracts.model.signature import key_id

ROOTS = ("root-1", "root-2", "root-3")
TARGETS, ONLINE = "targets", "online"
ROOT_JSON = "root.json"
PEM, P11 = ".pem", ".p11"


class PrivateKey(Protocol):
    """An Ed25519 key, in a file or on a token."""

    def sign(self, data: bytes) -> bytes: ...

    def public_key(self) -> Ed25519PublicKey: ...


@dataclass(frozen=True)
class KeyPair:
    """A private key and the id of its public one."""

    private: PrivateKey
    key_id: str


@dataclass(frozen=True)
class Keyring:
    """The keys in a folder.

    passphrase: opens those that are encrypted; pin: opens a token without a pin-source. tokens:
    name of a key (or "": of every other) -> the token on which it is made.
    """

    folder: Path
    passphrase: bytes | None = None
    pin: str | None = None
    tokens: Mapping[str, TokenUri] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the private key `name` lies there."""
        return self._file(name) is not None

    def make(self, name: str) -> PrivateKey:
        """Make the key `name`; raises StorageError where there is one already."""
        found = self._file(name)
        if found is not None:
            raise StorageError(
                "a key is already there",
                where=str(found),
                cure="stations trust it: `lineside-deploy keys rotate` replaces it",
            )
        token = self.tokens.get(name) or self.tokens.get("")
        if token is not None:
            key = make_on_token(token, name, self._pin(token))
            write_atomic(self.folder / f"{name}{P11}", f"{key.uri}\n".encode(), mode=0o600)
            return key
        private = Ed25519PrivateKey.generate()
        way = BestAvailableEncryption(self.passphrase) if self.passphrase else NoEncryption()
        text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, way)
        write_atomic(self.folder / f"{name}{PEM}", text, mode=0o600)
        return private

    def read(self, name: str) -> PrivateKey:
        """The private key `name`; raises ConfigError that names the file and the cure."""
        path = self._file(name) or self.folder / f"{name}{PEM}"
        payload = _read_own(path)
        if path.suffix == P11:
            uri = TokenUri.parse(payload.decode("utf-8", "replace").strip())
            return TokenKey(uri, self._pin(uri))
        return _parse(payload, self.passphrase, path)

    def token_of(self, name: str) -> TokenUri | None:
        """The token that holds the key `name`; None for a key in a file."""
        path = self._file(name)
        if path is None or path.suffix != P11:
            return None
        return replace(TokenUri.parse(path.read_text().strip()), key_id=b"")

    def beside(self, name: str) -> Keyring:
        """An empty ring in the folder `name` below this one, which makes keys as this one does."""
        return replace(self, folder=self.folder / name)

    def adopt(self, name: str, other: Keyring) -> None:
        """Put another ring's key `name` in the place of our own."""
        path = other._file(name)
        if path is None:
            raise StorageError("no such key", where=str(other.folder), cure="rotate it again")
        old = self._file(name)
        fresh = self.folder / path.name
        write_atomic(fresh, path.read_bytes(), mode=0o600)
        if old is not None and old != fresh:
            old.unlink()

    def remove(self, name: str) -> None:
        """Remove the key `name`, where there is one."""
        path = self._file(name)
        if path is not None:
            path.unlink()

    @contextlib.contextmanager
    def set_aside(self, name: str) -> Iterator[None]:
        """Make room for another key `name`; the old one is back after an exception."""
        path = self._file(name)
        aside = None if path is None else path.with_suffix(f"{path.suffix}.old")
        if path is not None and aside is not None:
            path.replace(aside)
        try:
            yield
        except BaseException:
            if path is not None and aside is not None:
                self.remove(name)
                aside.replace(path)
            raise
        if aside is not None:
            aside.unlink()

    def _file(self, name: str) -> Path | None:
        paths = (self.folder / f"{name}{suffix}" for suffix in (PEM, P11))
        return next((path for path in paths if path.exists()), None)

    def _pin(self, token: TokenUri) -> str:
        if token.pin_file is not None:
            return first_line(token.pin_file, "the PIN").decode("utf-8", "replace")
        if self.pin is None:
            raise ConfigError(
                "the PIN is not known",
                where=f"token {token.token}",
                cure="add --pin-file FILE, or pin-source=file:PATH to the token's URI",
            )
        return self.pin


def line_key(line: str) -> str:
    """The name of a product line's key."""
    return f"line-{line}"


def make_folder(folder: Path) -> None:
    """Make the folder of keys, for its owner only; raises StorageError where keys lie in it."""
    keys = [*folder.glob(f"*{PEM}"), *folder.glob(f"*{P11}")]
    if keys or (folder / ROOT_JSON).exists():
        raise StorageError(
            "a key is already there",
            where=str(folder),
            cure="name another folder; stations trust the key that exists",
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def write_public(path: Path, private: PrivateKey) -> None:
    """Write the public half as PEM."""
    public = private.public_key()
    write_atomic(path, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def first_line(path: Path, what: str) -> bytes:
    """The first line of a secret's file, which nobody else may read; raises ConfigError."""
    lines = read_secret(path, what).splitlines()
    if not lines or not lines[0]:
        raise ConfigError(f"{what} is empty", where=str(path), cure="write one there")
    return lines[0]


def read_keys(keys: Keyring) -> KeyPair:
    """The online key, which signs receipts; raises ConfigError."""
    private = keys.read(ONLINE)
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


def _read_own(path: Path) -> bytes:
    """A file that nobody else may read; raises ConfigError."""
    cure = (
        "name the folder of `lineside-deploy keys init DIR` with --keys DIR, and put the key there "
        "for the time of this command"
    )
    return read_secret(path, "the private key", cure)


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
