"""Who made this bundle: its Ed25519 signature against the station's folder of trusted keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from edge_agent.contracts.core.errors import BundleError, SignatureError
from edge_agent.contracts.model.bundle import SIGNATURE
from edge_agent.contracts.model.manifest import parse_json
from edge_agent.contracts.model.signature import Signature, key_id


class Signed(Protocol):
    """A bundle, or one of which nothing was parsed yet."""

    @property
    def manifest_bytes(self) -> bytes: ...

    @property
    def signature(self) -> bytes | None: ...

    @property
    def source(self) -> str: ...


def verify_bundle(bundle: Signed, trust: Path) -> str:
    """Check that a key in the folder `trust` (*.pub, PEM) signed `bundle`; returns the key's id.

    The name of a key file does not matter, its content does. Raises SignatureError that names the
    bundle or key file and the cure.
    """
    read_signature(bundle)
    return check_signature(bundle, _read_keys(_key_files(trust)), trust)


def check_signature(bundle: Signed, keys: Mapping[str, Ed25519PublicKey], trust: Path) -> str:
    """Check that one of `keys` (key id -> key) signed `bundle`; returns the key's id.

    `trust` is where the station looks for keys. Raises SignatureError.
    """
    signature = read_signature(bundle)
    if not keys:
        raise SignatureError(
            "holds no trusted key (*.pub)" if trust.is_dir() else "no folder of trusted keys",
            where=str(trust),
            cure="give the station a key: lineside-deploy push BUNDLE --to HOST --trust KEY.pub",
        )
    signer = keys.get(signature.key_id)
    if signer is None:
        raise SignatureError(
            f"signed by the unknown key {signature.key_id}",
            where=bundle.source,
            cure=f"trusted by {trust}: {', '.join(sorted(keys))}; sign with a trusted key, or "
            "trust this one (lineside-deploy push --trust KEY.pub)",
        )
    try:
        signer.verify(bytes.fromhex(signature.signature), bundle.manifest_bytes)
    except InvalidSignature:
        raise SignatureError(
            f"the signature by key {signature.key_id} does not fit the manifest",
            where=bundle.source,
            cure="do not use it; copy it again from where it was signed, or sign it again",
        ) from None
    return signature.key_id


def read_signature(bundle: Signed) -> Signature:
    """The signature inside `bundle`; raises SignatureError when absent or not readable."""
    if bundle.signature is None:
        raise SignatureError(
            "not signed", where=bundle.source, cure="run `lineside-deploy sign` on it"
        )
    try:
        return parse_json(Signature, bundle.signature, f"{bundle.source}: {SIGNATURE}")
    except BundleError as error:
        raise SignatureError(
            error.what, where=error.where, cure="run `lineside-deploy sign` on it again"
        ) from error


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read a PEM public key; raises SignatureError that names the file."""
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise SignatureError(
            f"the key cannot be read ({error.strerror})", where=str(path), cure="check the file"
        ) from error
    return parse_public_key(payload, path)


def parse_public_key(payload: bytes, path: Path) -> Ed25519PublicKey:
    """Parse the PEM text of the file `path`; raises SignatureError that names the file."""
    try:
        key = load_pem_public_key(payload)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(
            "not a public key in PEM",
            where=str(path),
            cure="copy the .pub file that `lineside-deploy keys init` wrote",
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError(
            "a key of another kind, Ed25519 is needed",
            where=str(path),
            cure="make one with `lineside-deploy keys init`",
        )
    return key


def raw_bytes(key: Ed25519PublicKey) -> bytes:
    """The 32 raw bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def is_key_file(name: str) -> bool:
    """Whether a file of the folder `trust` is a key: hidden ones are not (._KEY.pub of macOS)."""
    return name.endswith(".pub") and not name.startswith(".")


def _key_files(trust: Path) -> list[Path]:
    try:
        return sorted(path for path in trust.iterdir() if is_key_file(path.name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SignatureError(
            f"the folder of trusted keys cannot be read ({error.strerror})",
            where=str(trust),
            cure="give this user the right to read it",
        ) from error


def _read_keys(files: list[Path]) -> dict[str, Ed25519PublicKey]:
    keys = (read_public_key(path) for path in files)
    return {key_id(raw_bytes(key)): key for key in keys}
