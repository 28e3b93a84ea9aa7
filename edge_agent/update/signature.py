"""Who released this bundle: its signature against the root that the station trusts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge_agent.contracts.core.errors import BundleError, RollbackError, SignatureError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import SIGNATURE
from edge_agent.contracts.model.manifest import Manifest, parse_json
from edge_agent.contracts.model.signature import Signature, target_path
from edge_agent.update.trust_folder import read_trust_folder
from edge_agent.update.trusted import Trusted

if TYPE_CHECKING:
    from edge_agent.update.metadata import Release


class Signed(Protocol):
    """A bundle, or one of which nothing was parsed yet."""

    @property
    def manifest_bytes(self) -> bytes: ...

    @property
    def signature(self) -> bytes | None: ...

    @property
    def source(self) -> str: ...


def verify_bundle(bundle: Signed, trust: Path) -> None:
    """Check that a bundle may be armed by what the folder `trust` holds.

    What an install has accepted stays accepted: keys may be replaced and metadata may expire
    while a line runs. Anything else must be released under the root. Raises SignatureError that
    names the bundle or the folder, and the cure.
    """
    armable(bundle, read_trust_folder(trust), trust)


def armable(bundle: Signed, trusted: Trusted | None, trust: Path) -> None:
    """The same with the content of the folder."""
    trusted = required(trusted, trust)
    manifest_sha256 = sha256_hex(bundle.manifest_bytes)
    if manifest_sha256 in trusted.installed:
        return
    signature = read_signature(bundle)
    # tuf costs 0.1 s and 9 MB, which a station that has installed its bundles need not pay.
    from edge_agent.update.metadata import find_release

    find_release(signature, manifest_sha256, trusted, now_ns=None, where=bundle.source)


def released(bundle: Signed, trusted: Trusted | None, trust: Path, now_ns: int) -> Release:
    """Check that `bundle` may be installed now; raises SignatureError or RollbackError."""
    trusted, manifest_sha256 = required(trusted, trust), sha256_hex(bundle.manifest_bytes)
    signature = read_signature(bundle)
    from edge_agent.update.metadata import find_release

    found = find_release(signature, manifest_sha256, trusted, now_ns=now_ns, where=bundle.source)
    refuse_withdrawn(manifest_sha256, found.trusted, bundle.source)
    return found


def refuse_withdrawn(manifest_sha256: str, trusted: Trusted, where: str) -> None:
    """Raises RollbackError for a bundle that its product line has taken back."""
    if manifest_sha256 in trusted.withdrawn:
        raise RollbackError(
            "its product line has withdrawn this release", where=where, cure="push a newer one"
        )


def refuse_other_name(manifest: Manifest, release: Release, where: str) -> None:
    """A line may release under its own name only, and a bundle keeps its line for ever."""
    spec_name = manifest.spec.name
    if release.path != target_path(release.line, spec_name, manifest.version):
        raise SignatureError(
            f"released as {release.path}, its manifest says {spec_name} {manifest.version}",
            where=where,
            cure="do not use it, and ask who released it",
        )
    line = release.trusted.lines.get(spec_name, release.line)
    if line != release.line:
        raise SignatureError(
            f"{spec_name} belongs to the product line {line}, this one is of {release.line}",
            where=where,
            cure="release it under its own line, or give it another name",
        )


def read_signature(bundle: Signed) -> Signature:
    """The signature inside `bundle`; raises SignatureError when absent or not readable."""
    if bundle.signature is None:
        raise SignatureError(
            "not signed", where=bundle.source, cure="run `lineside-deploy release` on it"
        )
    try:
        return parse_json(Signature, bundle.signature, f"{bundle.source}: {SIGNATURE}")
    except BundleError as error:
        raise SignatureError(
            error.what, where=error.where, cure="run `lineside-deploy release` on it again"
        ) from error


def required(trusted: Trusted | None, trust: Path) -> Trusted:
    """Raises SignatureError for a station that was given no root."""
    if trusted is None:
        raise SignatureError(
            "holds no root.json" if trust.is_dir() else "no folder with a root of trust",
            where=str(trust),
            cure="give the station one: lineside-deploy push BUNDLE --to HOST --trust root.json",
        )
    return trusted
