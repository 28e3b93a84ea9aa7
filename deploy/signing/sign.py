"""Signing a bundle: Ed25519 over the exact bytes of its manifest, which binds every other file."""

from __future__ import annotations

from pathlib import Path

from deploy.signing.keys import KeyPair
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.model.bundle import parse_bundle, read_bundle, signed_bundle
from edge_agent.contracts.model.signature import Signature


def sign_bundle(source: Path, keys: KeyPair, target: Path | None = None) -> str:
    """Sign the bundle file `source`, in place or into `target`; returns its title.

    A signature that is already there is replaced. Raises BundleError or StorageError; the file
    is then what it was.
    """
    bundle = read_bundle(source)
    signed = Signature(key_id=keys.key_id, signature=keys.private.sign(bundle.manifest_bytes).hex())
    payload = signed_bundle(bundle, signed.model_dump_json().encode())
    path = source if target is None else target
    parse_bundle(payload, str(path))
    write_atomic(path, payload)
    return bundle.title
