"""TUF metadata as a station checks it: from its root to a manifest (TUF specification, section 5).

A pure function of bytes, what was trusted so far, and the time: it reads no file and no clock, so
that one code checks what came over ssh, on a stick, by HTTPS or lies in a slot. python-tuf parses
the metadata and checks the signatures; the order of steps and the versions are checked here,
because a station's clock may be wrong and its memory of versions is its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from securesystemslib.signer import Signature as KeySignature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from edge_agent.contracts.core.errors import RollbackError, SignatureError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.signature import (
    MANIFEST_SHA256,
    SIGNED_AT,
    Signature,
    withdrawn_manifests,
)
from edge_agent.update.trusted import MOST_ROOT_BYTES, Trusted

LOG = logging.getLogger("lineside.update")

DO_NOT_USE = "do not use it; push the release again from where it was signed"
OWN_WORKSHOP = "push a release of the workshop whose root.json this station was given"
PUSH_NEWEST = (
    "push it again beside the folder of releases, or with --releases DIR, which takes the newest "
    "metadata along"
)
SLOW_CLOCK_NS = 86_400 * 10**9
"""A station without a battery-backed clock may start a boot's length behind, or in 1970."""


@dataclass(frozen=True)
class Release:
    """A manifest that the metadata releases: its target path and product line.

    trusted: what the station trusts once it has taken this release.
    """

    path: str
    line: str
    trusted: Trusted


def check_root(text: bytes, path: Path) -> Trusted:
    """What a station trusts that is given this root file; raises SignatureError that names it."""
    cure = f"name the file root.json that `lineside-deploy keys init` wrote, not {path.name}"
    if len(text) > MOST_ROOT_BYTES:
        raise SignatureError("is no root of trust", where=str(path), cure=cure)
    try:
        metadata = _parse(Root, text, str(path))
        metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, SignatureError, ValueError) as error:
        raise SignatureError(
            f"is no root of trust ({error})", where=str(path), cure=cure
        ) from error
    return Trusted(root=text.decode(), origin=[sha256_hex(text)])


def find_release(
    signature: Signature,
    manifest_sha256: str,
    trusted: Trusted,
    *,
    now_ns: int | None,
    where: str,
) -> Release:
    """Check every step from the trusted root to the manifest.

    now_ns: UTC by the station's clock. None for a bundle that was installed before: then neither
    life times nor versions matter, for what runs goes on running. Raises SignatureError or
    RollbackError.
    """
    chain = _Chain(where, None)
    root, trusted = chain.root(signature.roots, trusted)
    chain.now = None if now_ns is None else _later(now_ns, trusted, where)
    timestamp = chain.timestamp(signature, root, trusted)
    if now_ns is not None and chain.now is not None:
        chain.now = max(chain.now, _signed_at(timestamp))
    chain.refuse_expired("root", root)
    chain.refuse_expired("timestamp", timestamp)
    snapshot = chain.snapshot(signature, root, timestamp, trusted)
    targets = chain.targets(signature, root, snapshot, trusted)
    line = chain.line(signature, targets, snapshot, trusted)
    path = _path_of(manifest_sha256, line, signature.line, where)
    if not _delegated(targets, signature.line, path):
        raise SignatureError(f"{path} is not the line's to release", where=where, cure=DO_NOT_USE)
    withdrawn = set(trusted.withdrawn) | withdrawn_manifests(line.unrecognized_fields)
    versions = {"targets": targets.version, signature.line: line.version}
    update = {
        "timestamp": max(timestamp.version, trusted.timestamp),
        "snapshot": max(snapshot.version, trusted.snapshot),
        "targets": _highest(trusted.targets, snapshot, versions),
        "latest_ns": max(trusted.latest_ns, _ns(_signed_at(timestamp))),
        "withdrawn": sorted(withdrawn),
    }
    return Release(path, signature.line, trusted.model_copy(update=update))


def signed_content(
    roots: Sequence[str],
    role: str,
    content: bytes,
    signatures: Mapping[str, str],
    trusted: Trusted,
    *,
    where: str,
) -> Trusted:
    """Check that keys of a role of the newest root signed `content`; what is trusted then.

    roots: every root from the first. signatures: key id -> signature in hexadecimal digits. Raises
    SignatureError.
    """
    chain = _Chain(where, None)
    root, trusted = chain.root(roots, trusted)
    given = {key_id: KeySignature(key_id, text) for key_id, text in signatures.items()}
    chain.verify(root, role, content, given)
    return trusted


class _Chain:
    """The steps of one check; `now` None: life times and versions are not looked at."""

    def __init__(self, where: str, now: datetime | None) -> None:
        self._where = where
        self.now = now
        self._cure = OWN_WORKSHOP

    def root(self, roots: Sequence[str], trusted: Trusted) -> tuple[Root, Trusted]:
        """The newest root, each one signed by the one before (5.3)."""
        root = _parse(Root, trusted.root.encode(), self._where).signed
        text, origin = trusted.root, list(trusted.origin)
        started = root
        for number, found in enumerate(roots, start=1):
            if number <= root.version:
                continue
            fresh = _parse(Root, found.encode(), self._where)
            self._verify(root, "root", fresh)
            self._verify(fresh.signed, "root", fresh)
            if fresh.signed.version != root.version + 1:
                self._refuse(f"root {fresh.signed.version} does not follow root {root.version}")
            root, text = fresh.signed, found
            origin.append(sha256_hex(found.encode()))
        if len(roots) < root.version:
            self._cure = f"it was signed before root {root.version}, which this station has seen: "
            self._cure += f"{PUSH_NEWEST}; where it is another workshop's, {OWN_WORKSHOP}"
        update: dict[str, object] = {"root": text, "origin": origin}
        if _role_ids(started, "timestamp", "snapshot") != _role_ids(root, "timestamp", "snapshot"):
            # A thief of the online key may have signed a version that nobody can reach (5.3.11).
            update |= {"timestamp": 0, "snapshot": 0, "targets": {}, "latest_ns": 0}
        return root, trusted.model_copy(update=update)

    def timestamp(self, signature: Signature, root: Root, trusted: Trusted) -> Timestamp:
        """The timestamp (5.4)."""
        found: Timestamp = self._signed(Timestamp, signature.timestamp, root, "timestamp")
        self._refuse_older("timestamp", found.version, trusted.timestamp)
        return found

    def snapshot(
        self, signature: Signature, root: Root, timestamp: Timestamp, trusted: Trusted
    ) -> Snapshot:
        """The snapshot that the timestamp names (5.5)."""
        self._match(timestamp.snapshot_meta, signature.snapshot, "snapshot")
        found: Snapshot = self._signed(Snapshot, signature.snapshot, root, "snapshot")
        if found.version != timestamp.snapshot_meta.version:
            self._refuse("snapshot and timestamp are of different releases")
        self._refuse_older("snapshot", found.version, trusted.snapshot)
        for role, version in trusted.targets.items() if self.now is not None else ():
            listed = found.meta.get(f"{role}.json")
            self._refuse_older(role, 0 if listed is None else listed.version, version)
        self.refuse_expired("snapshot", found)
        return found

    def targets(
        self, signature: Signature, root: Root, snapshot: Snapshot, trusted: Trusted
    ) -> Targets:
        """The targets, which say what product lines there are (5.6)."""
        return self._listed(signature.targets, root, "targets", snapshot)

    def line(
        self, signature: Signature, targets: Targets, snapshot: Snapshot, trusted: Trusted
    ) -> Targets:
        """The targets of the product line (5.6.7)."""
        roles = targets.delegations.roles if targets.delegations else None
        if signature.line not in (roles or {}):
            self._refuse(f"there is no product line {signature.line!r}")
        return self._listed(signature.line_targets, targets, signature.line, snapshot)

    def refuse_expired(self, role: str, content: Any) -> None:
        """Refuse metadata that has expired, where the time counts."""
        if self.now is None or not content.is_expired(self.now):
            return
        raise SignatureError(
            f"the {role} metadata expired at {content.expires:%Y-%m-%d %H:%M} UTC, "
            f"by this station's time it is {self.now:%Y-%m-%d %H:%M}",
            where=self._where,
            cure="check the station's clock (`timedatectl`); then `lineside-deploy release "
            "--refresh`, and push again",
        )

    def _listed(
        self, text: str, delegator: Root | Targets, role: str, snapshot: Snapshot
    ) -> Targets:
        meta = snapshot.meta.get(f"{role}.json")
        if meta is None:
            self._refuse(f"the snapshot does not list {role}")
        self._match(meta, text, role)
        found: Targets = self._signed(Targets, text, delegator, role)
        if found.version != meta.version:
            self._refuse(f"{role} and snapshot are of different releases")
        self.refuse_expired(role, found)
        return found

    def _signed(self, kind: Any, text: str, delegator: Root | Targets, role: str) -> Any:
        metadata = _parse(kind, text.encode(), self._where)
        self._verify(delegator, role, metadata)
        return metadata.signed

    def _verify(self, delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> None:
        try:
            content = metadata.signed_bytes
        except RepositoryError as error:  # a number that canonical JSON does not have
            raise self._stranger(error) from error
        self.verify(delegator, role, content, metadata.signatures)

    def verify(
        self,
        delegator: Root | Targets,
        role: str,
        content: bytes,
        signatures: dict[str, KeySignature],
    ) -> None:
        """That the keys which `delegator` names for a role signed `content`."""
        try:
            delegator.verify_delegate(role, content, signatures)
        except (RepositoryError, ValueError) as error:
            raise self._stranger(error) from error

    def _stranger(self, error: Exception) -> SignatureError:
        return SignatureError(
            f"not signed by a key that this station trusts ({error})",
            where=self._where,
            cure=self._cure,
        )

    def _match(self, meta: Any, text: str, role: str) -> None:
        try:
            meta.verify_length_and_hashes(text.encode())
        except RepositoryError:
            self._refuse(f"{role} is not the one that this release lists")

    def _refuse_older(self, role: str, version: int, least: int) -> None:
        if self.now is not None and version < least:
            raise RollbackError(
                f"{role} metadata {version} is older than {least}, which this station has seen",
                where=self._where,
                cure=PUSH_NEWEST,
            )

    def _refuse(self, what: str) -> NoReturn:
        raise SignatureError(what, where=self._where, cure=DO_NOT_USE)


def _parse(kind: Any, text: bytes, where: str) -> Metadata[Any]:
    try:
        metadata = Metadata.from_bytes(text)
    except (RepositoryError, ValueError, RecursionError) as error:
        raise SignatureError(
            f"no TUF metadata ({str(error)[:80]})", where=where, cure=DO_NOT_USE
        ) from error
    if not isinstance(metadata.signed, kind):
        raise SignatureError(
            f"{metadata.signed.type} metadata in the place of {kind.type}",
            where=where,
            cure=DO_NOT_USE,
        )
    return metadata


def _path_of(manifest_sha256: str, line: Targets, name: str, where: str) -> str:
    for path, target in line.targets.items():
        custom = target.custom
        if isinstance(custom, Mapping) and custom.get(MANIFEST_SHA256) == manifest_sha256:
            return str(path)
    raise SignatureError(
        f"the product line {name} has not released this manifest, or has withdrawn it",
        where=where,
        cure="do not use it; push what is released",
    )


def _delegated(targets: Targets, line: str, path: str) -> bool:
    roles = (targets.delegations.roles if targets.delegations else None) or {}
    return line in roles and roles[line].is_delegated_path(path)


def _highest(
    so_far: Mapping[str, int], snapshot: Snapshot, seen: Mapping[str, int]
) -> dict[str, int]:
    """The versions of every role that the snapshot lists: none may fall later."""
    listed = {name.removesuffix(".json"): meta.version for name, meta in snapshot.meta.items()}
    return {**so_far, **listed, **seen}


def _later(now_ns: int, trusted: Trusted, where: str) -> datetime:
    """The later one of the clock and the newest signed time: a clock may lag, never lead it."""
    if now_ns + SLOW_CLOCK_NS < trusted.latest_ns:
        LOG.warning(
            "%s: this station's clock is behind the release that it took last: set it "
            "(timedatectl); life times are judged by the later one",
            where,
        )
    return datetime.fromtimestamp(max(now_ns, trusted.latest_ns) / 1e9, UTC)


def _signed_at(timestamp: Timestamp) -> datetime:
    text = timestamp.unrecognized_fields.get(SIGNED_AT)
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _ns(moment: datetime) -> int:
    return max(0, int(moment.timestamp())) * 10**9


def _role_ids(root: Root, *roles: str) -> list[list[str]]:
    return [sorted(root.roles[role].keyids) for role in roles]
