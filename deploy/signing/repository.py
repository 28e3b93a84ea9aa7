"""The folder of releases: static files that any HTTPS server, or a USB stick, gives to stations.

RELEASES/metadata/N.root.json N.targets.json N.LINE.json N.snapshot.json timestamp.json
RELEASES/targets/LINE/SHA256.NAME-VERSION.bundle

A change writes new files first and timestamp.json last, so that whoever reads sees the old
release or the new one. Any TUF client reads it (consistent snapshots).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from deploy.signing.keys import (
    ONLINE,
    ROOT_JSON,
    ROOTS,
    TARGETS,
    Keyring,
    PrivateKey,
    line_key,
    write_public,
)
from deploy.signing.metadata import (
    Life,
    delegate,
    from_text,
    line_signer,
    lines_of,
    public,
    signed,
    to_text,
    unpublished,
)
from deploy.signing.root_keys import key_ids_of, lists_key, roles_of, root_signers
from deploy.signing.target_names import NOTES, nearest, refuse_bare
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.files import sha256_hex, storage_error, write_atomic
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.model.signature import (
    MANIFEST_SHA256,
    SIGNED_AT,
    WITHDRAWN,
    Signature,
    withdrawn_manifests,
)

FIRST_LINE = "main"
HASH = "[0-9a-f]" * 64
RELEASE_HIGHER = "release another one with a higher version (`convert --version-number`)"
"""The cure for what was withdrawn: no station takes it again."""


@dataclass(frozen=True)
class Target:
    """One file of a product line: its path in the folder, its bytes, and what is said of it."""

    path: str
    payload: bytes
    custom: Mapping[str, object]


class Repository:
    """The folder `folder`, changed with `keys`; each method leaves a whole release behind."""

    def __init__(self, folder: Path, keys: Keyring, life: Life) -> None:
        self.folder = folder
        self._keys = keys
        self._life = life
        self._metadata = folder / "metadata"

    @property
    def now(self) -> datetime:
        """When this release is signed (UTC)."""
        return self._life.now

    def add(self, line: str, targets: list[Target]) -> None:
        """Publish files of a product line; what has the same path is replaced, and removed.

        Raises ConfigError for an unknown line, an absent key or what was withdrawn, StorageError
        for a full disk.
        """
        with self._locked():
            current = self._current()
            content = self._line(current, line)
            self._refuse_withdrawn(current, targets)
            for target in targets:
                found = TargetFile.from_data(target.path, target.payload, ["sha256"])
                found.unrecognized_fields["custom"] = dict(target.custom)
                content.targets[target.path] = found
                write_atomic(self._target_file(found), target.payload)
            self._publish(current, {line: content})
            for target in targets:
                self._remove_files(target.path, content.targets[target.path].hashes["sha256"])

    def withdraw(self, path: str) -> None:
        """Take a release back: stations install it no longer, and return to it no longer."""
        line = path.partition("/")[0]
        with self._locked():
            current = self._current()
            refuse_bare(path, current)
            content = self._line(current, line)
            target = content.targets.pop(path, None)
            if target is None:
                raise ConfigError(
                    f"{path!r} is not released", where=str(self.folder), cure=nearest(path, content)
                )
            digest = (target.custom or {}).get(MANIFEST_SHA256, target.hashes["sha256"])
            withdrawn = withdrawn_manifests(content.unrecognized_fields) | {digest}
            content.unrecognized_fields[WITHDRAWN] = sorted(withdrawn)
            stem = path.removesuffix(".bundle").removesuffix(".wheels")
            notes = [f"{stem}{end}" for end in NOTES]
            for note in notes:
                content.targets.pop(note, None)
            self._publish(current, {line: content})
            for one in (path, *notes):
                self._remove_files(one)

    def refresh(self) -> None:
        """Sign everything again that the online and line keys at hand can, for another life."""
        with self._locked():
            current = self._current()
            lines = [one for one in lines_of(current["targets"]) if self._keys.has(line_key(one))]
            self._publish(current, {line: self._line(current, line) for line in lines})

    def add_line(self, line: str) -> None:
        """Let a product line exist, with a key of its own; raises ConfigError, StorageError.

        A key of the line that no release names, as after a power cut, is taken for it.
        """
        with self._locked():
            current = self._current()
            self._refuse_unsigned(current)
            if line in lines_of(current["targets"]) or not self._keys.has(line_key(line)):
                self._keys.make(line_key(line))
            self._delegate(current, line)

    def rotate(self, role: str) -> None:
        """Give `role` a new key; the old one counts no longer once a station has seen the release.

        role: root-1 to root-3, targets, online, or the name of a product line. Needs two root
        keys (for a line: the targets key), beside those that sign the rest. The key file is
        replaced last. Raises ConfigError.
        """
        with self._locked():
            current = self._current()
            self._refuse_unsigned(current, but=role)
            if role in (*ROOTS, TARGETS, ONLINE):
                self._rotate_root(current, role)
            elif role in lines_of(current["targets"]):
                self._rotate_line(current, role)
            else:
                names = [*ROOTS, TARGETS, ONLINE, *lines_of(current["targets"])]
                raise ConfigError(f"no role {role!r}", cure=did_you_mean(role, names))

    def signature(self, manifest_sha256: str) -> Signature | None:
        """The newest metadata that leads to this manifest; None where it is not released."""
        current = self._current()
        for line in lines_of(current["targets"]):
            found = current.get(line)
            if found is not None and _lists(found, manifest_sha256):
                return self._signature(current, line)
        return None

    def withdrawn(self) -> frozenset[str]:
        """sha256 of every manifest that a product line has taken back."""
        return self._withdrawn(self._current())

    def lines(self) -> list[str]:
        """The product lines."""
        return lines_of(self._current()["targets"])

    def released(self) -> dict[str, str]:
        """Target path -> sha256 of every release."""
        current = self._current()
        lines = [current[one] for one in lines_of(current["targets"]) if one in current]
        return {path: t.hashes["sha256"] for line in lines for path, t in line.targets.items()}

    def _signature(self, current: Mapping[str, Any], line: str) -> Signature:
        def text(name: str) -> str:
            return (self._metadata / name).read_text()

        versions = {role: one.version for role, one in current.items()}
        return Signature(
            roots=[text(f"{n}.root.json") for n in range(1, versions["root"] + 1)],
            timestamp=text("timestamp.json"),
            snapshot=text(f"{versions['snapshot']}.snapshot.json"),
            targets=text(f"{versions['targets']}.targets.json"),
            line=line,
            line_targets=text(f"{versions[line]}.{line}.json"),
        )

    def _current(self) -> dict[str, Any]:
        """Role -> content, as timestamp.json says; a new folder gets what the keys' root says."""
        if not (self._metadata / "timestamp.json").exists():
            return self._begin()
        timestamp = self._read("timestamp.json")
        snapshot = self._read(f"{timestamp.snapshot_meta.version}.snapshot.json")
        names = {n.removesuffix(".json"): m.version for n, m in snapshot.meta.items()}
        found = {role: self._read(f"{version}.{role}.json") for role, version in names.items()}
        return {**found, "root": self._root(), "snapshot": snapshot, "timestamp": timestamp}

    def _begin(self) -> dict[str, Any]:
        """Metadata of an empty release with one product line; nothing of it is written yet."""
        path = self._keys.folder / ROOT_JSON
        try:
            root = from_text(path.read_bytes(), str(path))
        except OSError as error:
            raise ConfigError(
                f"the root cannot be read ({error.strerror})",
                where=str(path),
                cure="name the folder of `lineside-deploy keys init DIR` with --keys DIR",
            ) from error
        if root.signed.version != 1:
            raise StorageError(
                "the folder of releases is empty, but its root has been replaced before",
                where=str(self.folder),
                cure="name the folder of the releases so far with --to, or restore it",
            )
        write_atomic(self._metadata / "1.root.json", path.read_bytes())
        targets = unpublished(Targets())
        delegate(targets, FIRST_LINE, public(line_signer(self._keys, FIRST_LINE)))
        return {
            "root": root.signed,
            "targets": targets,
            "snapshot": unpublished(Snapshot()),
            "timestamp": unpublished(Timestamp()),
        }

    def _withdrawn(self, current: Mapping[str, Any]) -> frozenset[str]:
        lines = [current[one] for one in lines_of(current["targets"]) if one in current]
        return frozenset().union(*(withdrawn_manifests(one.unrecognized_fields) for one in lines))

    def _refuse_withdrawn(self, current: Mapping[str, Any], targets: list[Target]) -> None:
        """A manifest that was taken back stays so: no station that has seen it takes it again."""
        withdrawn = self._withdrawn(current)
        for target in targets:
            digest = target.custom.get(MANIFEST_SHA256) or sha256_hex(target.payload)
            if digest in withdrawn:
                raise ConfigError(
                    f"{target.path} was withdrawn", where=str(self.folder), cure=RELEASE_HIGHER
                )

    def _line(self, current: Mapping[str, Any], line: str) -> Targets:
        known = lines_of(current["targets"])
        if line not in known:
            raise ConfigError(
                f"no product line {line!r}, {did_you_mean(line, known)}",
                where=str(self.folder),
                cure=f"make it with `lineside-deploy keys line {line}`",
            )
        found: Targets = current.get(line) or unpublished(Targets())
        return found

    def _delegate(self, current: dict[str, Any], line: str) -> None:
        delegate(current["targets"], line, public(line_signer(self._keys, line)))
        content = current.get(line) or unpublished(Targets())
        self._publish(current, {"targets": current["targets"], line: content})

    def _rotate_line(self, current: dict[str, Any], line: str) -> None:
        with self._keys.set_aside(line_key(line)):
            self._keys.make(line_key(line))
            self._delegate(current, line)

    def _rotate_root(self, current: dict[str, Any], name: str) -> None:
        """Version N + 1 of the root, signed by two keys of the old one and two of the new one.

        The new key waits in a folder of its own until the root that lists it is durable; a rotation
        that was cut short in between is ended by the next one of the same role.
        """
        fresh = self._keys.beside(".new")
        if not (fresh.has(name) and lists_key(current["root"], name, fresh.read(name))):
            fresh.remove(name)
            self._replace_root(current["root"], name, fresh.make(name))
        self._keys.adopt(name, fresh)
        if name == ONLINE:
            write_public(self._keys.folder / f"{ONLINE}.pub", fresh.read(name))
        self._publish(current, {"targets": current["targets"]})
        fresh.remove(name)

    def _replace_root(self, root: Any, name: str, private: PrivateKey) -> None:
        signers = root_signers(root, self._keys)
        for role in roles_of(name):
            for old in key_ids_of(root, role, self._keys, name):
                root.revoke_key(old, role)
            root.add_key(public(private), role)
        root.version += 1
        root.expires = self._life.until("root")
        signers += [private] if name in ROOTS else []
        text = to_text(signed(root, signers))
        write_atomic(self._metadata / f"{root.version}.root.json", text)
        write_atomic(self._keys.folder / ROOT_JSON, text)

    def _publish(self, current: Mapping[str, Any], changed: Mapping[str, Targets]) -> None:
        """Sign and write what changed, then a snapshot of it, then the timestamp."""
        snapshot, timestamp = current["snapshot"], current["timestamp"]
        first = {} if snapshot.version else {"targets": current["targets"]}
        online = self._online(current["root"])
        for role, content in {**first, **changed}.items():
            content.version += 1
            content.expires = self._life.until(role)
            key = self._keys.read(TARGETS if role == "targets" else line_key(role))
            text = self._write(f"{content.version}.{role}.json", signed(content, [key]))
            snapshot.meta[f"{role}.json"] = MetaFile.from_data(content.version, text, ["sha256"])
        snapshot.version += 1
        snapshot.expires = self._life.until("snapshot")
        text = self._write(f"{snapshot.version}.snapshot.json", signed(snapshot, [online]))
        timestamp.version += 1
        timestamp.expires = self._life.until("timestamp")
        timestamp.snapshot_meta = MetaFile.from_data(snapshot.version, text, ["sha256"])
        timestamp.unrecognized_fields[SIGNED_AT] = self._life.now.isoformat()
        self._write("timestamp.json", signed(timestamp, [online]))

    def _refuse_unsigned(self, current: Mapping[str, Any], but: str = "") -> None:
        """Raises ConfigError where a key that must sign is absent; but: the one that is replaced.

        A key or a root that was written before this is noticed would lead to no release.
        """
        if but != TARGETS:
            self._keys.read(TARGETS)
        if but != ONLINE:
            self._online(current["root"])

    def _online(self, root: Any) -> PrivateKey:
        private = self._keys.read(ONLINE)
        if not lists_key(root, ONLINE, private):
            raise ConfigError(
                f"{ONLINE}.pem is not the key that the root lists",
                where=str(self._keys.folder),
                cure="name the keys of these releases; where a rotation was cut short, run "
                f"`lineside-deploy keys rotate {ONLINE}` again",
            )
        return private

    def _write(self, name: str, metadata: Metadata[Any]) -> bytes:
        text = to_text(metadata)
        write_atomic(self._metadata / name, text)
        return text

    def _read(self, name: str) -> Any:
        path = self._metadata / name
        try:
            return from_text(path.read_bytes(), str(path)).signed
        except OSError as error:
            raise StorageError(
                f"metadata is missing ({error.strerror})",
                where=str(path),
                cure="restore the folder of releases from your copy",
            ) from error

    def _root(self) -> Any:
        versions = [int(p.name.split(".")[0]) for p in self._metadata.glob("[0-9]*.root.json")]
        return self._read(f"{max(versions, default=1)}.root.json")

    def _target_file(self, target: TargetFile) -> Path:
        folder, _, name = target.path.rpartition("/")
        return self.folder / "targets" / folder / f"{target.hashes['sha256']}.{name}"

    def _remove_files(self, path: str, kept: str = "") -> None:
        """Remove what was ever released at `path`, but for the file with the sha256 `kept`.

        What was released before it was encrypted is plaintext, and so is what a kill has left.
        """
        folder, _, name = path.rpartition("/")
        for file in (self.folder / "targets" / folder).glob(f"{HASH}.{escape(name)}"):
            if file.name != f"{kept}.{name}":
                file.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._metadata.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise storage_error(self.folder, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _lists(line: Targets, manifest_sha256: str) -> bool:
    customs = ((target.custom or {}) for target in line.targets.values())
    return any(custom.get(MANIFEST_SHA256) == manifest_sha256 for custom in customs)
