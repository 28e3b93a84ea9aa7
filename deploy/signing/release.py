"""Releasing a bundle: into the folder of releases, and its signature into the bundle itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from deploy.signing.keys import Keyring
from deploy.signing.metadata import Life, utc
from deploy.signing.repository import RELEASE_HIGHER, Repository, Target
from edge_agent.contracts.core.errors import ConfigError, SignatureError
from edge_agent.contracts.core.files import sha256_hex, write_atomic
from edge_agent.contracts.model.bundle import (
    Bundle,
    archive_of,
    parse_bundle,
    read_bundle,
    signed_bundle,
    unsigned_bundle,
)
from edge_agent.contracts.model.encrypted import encrypt_bundle
from edge_agent.contracts.model.signature import MANIFEST_SHA256, Signature, target_path


def release_bundles(
    sources: list[Path], line: str, repository: Repository, stations: Sequence[bytes] = ()
) -> list[str]:
    """Release the bundle files `sources` and sign them in place; returns their target paths.

    stations: public keys for which alone the files in the folder of releases are encrypted.
    A signature that is already there is replaced. Raises BundleError, ConfigError or
    StorageError; the files are then what they were.
    """
    bundles = [read_bundle(source) for source in sources]
    targets = [_target(bundle, line, stations) for bundle in bundles]
    notes = [
        note
        for bundle, target in zip(bundles, targets, strict=True)
        for note in _notes(bundle, target, repository.now)
    ]
    repository.add(line, [*targets, *notes])
    for bundle, source in zip(bundles, sources, strict=True):
        sign_bundle(bundle, source, repository)
    return [target.path for target in targets]


def sign_bundle(bundle: Bundle, path: Path, repository: Repository) -> None:
    """Write `bundle` to `path` with the newest signature that `repository` has for it."""
    payload = newest_signature(bundle, repository)
    parse_bundle(payload, str(path))
    write_atomic(path, payload)


def newest_signature(bundle: Bundle, repository: Repository) -> bytes:
    """The bytes of `bundle` with its newest signature; raises SignatureError if not released."""
    found = repository.signature(sha256_hex(bundle.manifest_bytes))
    if found is None:
        raise SignatureError(
            f"not released in {repository.folder}",
            where=bundle.source,
            cure="run `lineside-deploy release` on it, or name its folder with --releases",
        )
    return _carrying(bundle, found)


def is_repository(folder: Path) -> bool:
    """Whether `folder` holds releases."""
    return (folder / "metadata" / "timestamp.json").is_file()


def releases_folder(named: Path | None, usual: Path) -> Path:
    """The folder of releases that a command line names, or the usual one, which need not be there.

    Raises ConfigError for a named one without releases: the newest signature would be left out
    without a word.
    """
    if named is None:
        return usual
    if not is_repository(named):
        raise ConfigError(
            "no folder of releases", where=str(named), cure="name the one that `release` wrote"
        )
    return named


def with_newest_signature(bundle: Bundle, releases: Path) -> bytes:
    """The same from the folder `releases`, without any key.

    A bundle that another folder released keeps the signature that it has, and so do all where
    `releases` holds none. Raises SignatureError for a bundle that was withdrawn there: the
    signature that it carries is of before, and a station that has seen no later one would take it.
    """
    if not is_repository(releases):
        return archive_of(bundle)
    repository = Repository(releases, Keyring(releases), Life(utc(0)))
    digest = sha256_hex(bundle.manifest_bytes)
    if digest in repository.withdrawn():
        raise SignatureError(f"withdrawn in {releases}", where=bundle.source, cure=RELEASE_HIGHER)
    found = repository.signature(digest)
    return archive_of(bundle) if found is None else _carrying(bundle, found)


def _carrying(bundle: Bundle, signature: Signature) -> bytes:
    return signed_bundle(bundle, signature.model_dump_json().encode())


def _notes(bundle: Bundle, target: Target, at: datetime) -> list[Target]:
    """What the release is made of and where it comes from, beside it."""
    # The library takes half a second, which signing alone need not pay.
    from deploy.signing.sbom import bill_of_materials, provenance

    stem = target.path.removesuffix(".bundle")
    return [
        Target(f"{stem}.cdx.json", bill_of_materials(bundle, target.payload, at), {}),
        Target(f"{stem}.provenance.json", provenance(bundle, target.payload, target.path, at), {}),
    ]


def _target(bundle: Bundle, line: str, stations: Sequence[bytes]) -> Target:
    manifest = bundle.manifest
    custom = {MANIFEST_SHA256: sha256_hex(bundle.manifest_bytes), "target": manifest.target}
    path = target_path(line, manifest.spec.name, manifest.version)
    payload = unsigned_bundle(bundle)
    return Target(path, encrypt_bundle(payload, stations) if stations else payload, custom)
