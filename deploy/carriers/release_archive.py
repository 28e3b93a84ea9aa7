"""One release out of a folder of releases, as one file for programs that carry files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.signing.repository import RELEASE_HIGHER
from edge_agent.contracts.core.errors import SignatureError, StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import archive, read_bundle
from edge_agent.contracts.model.release_archive import archive_name
from edge_agent.contracts.model.signature import MANIFEST_SHA256, withdrawn_manifests


def release_archive(bundle: Path, releases: Path) -> tuple[str, bytes]:
    """File name and bytes of the release of a bundle file, with the newest metadata.

    Raises SignatureError where the folder `releases` does not hold it, or took it back,
    StorageError for what is missing there.
    """
    found = read_bundle(bundle)
    digest = sha256_hex(found.manifest_bytes)
    files = _metadata(releases)
    place = _place(files, digest)
    if any(digest in withdrawn_manifests(_signed(text)) for text in files.values()):
        raise SignatureError(f"withdrawn in {releases}", where=str(bundle), cure=RELEASE_HIGHER)
    if place is None:
        raise SignatureError(
            f"not released in {releases}",
            where=str(bundle),
            cure="run `lineside-deploy release` on it, or name its folder with --releases",
        )
    files[place] = _read(releases, place)
    return archive_name(found.manifest.spec.name, found.manifest.version), archive(files)


def _metadata(releases: Path) -> dict[str, bytes]:
    """Every file of metadata that a reader of the newest release asks for."""
    files = {"metadata/timestamp.json": _read(releases, "metadata/timestamp.json")}
    for path in sorted((releases / "metadata").glob("*.root.json")):
        files[f"metadata/{path.name}"] = path.read_bytes()
    snapshot = _only_version(files["metadata/timestamp.json"], "snapshot.json")
    files[snapshot] = _read(releases, snapshot)
    for file, meta in _signed(files[snapshot])["meta"].items():
        place = f"metadata/{meta['version']}.{file}"
        files[place] = _read(releases, place)
    return files


def _only_version(listing: bytes, file: str) -> str:
    return f"metadata/{_signed(listing)['meta'][file]['version']}.{file}"


def _place(files: dict[str, bytes], manifest_sha256: str) -> str | None:
    """Where the target with this manifest lies; None where no line released it."""
    for text in list(files.values()):
        for path, target in _signed(text).get("targets", {}).items():
            if target.get("custom", {}).get(MANIFEST_SHA256) == manifest_sha256:
                folder, _, name = path.rpartition("/")
                return f"targets/{folder}/{target['hashes']['sha256']}.{name}"
    return None


def _signed(text: bytes) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)["signed"]
    return content


def _read(releases: Path, place: str) -> bytes:
    try:
        return (releases / place).read_bytes()
    except OSError as error:
        raise StorageError(
            f"cannot be read ({error.strerror})",
            where=str(releases / place),
            cure="name a folder that `lineside-deploy release` wrote",
        ) from error
