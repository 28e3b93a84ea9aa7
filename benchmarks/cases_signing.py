"""Signatures of bundles for attacks: real keys and valid TUF metadata around any bytes.

`lineside-deploy release` signs only what it could read. A thief of the keys, or a workshop whose
converter is broken, signs anything: so does `SigningRing`, with the same keys and metadata.
"""

from __future__ import annotations

import json
from pathlib import Path

from tuf.api.metadata import MetaFile, Snapshot, TargetFile, Targets, Timestamp

from deploy.signing import new_keys
from deploy.signing.keys import ONLINE, ROOT_JSON, TARGETS, Keyring
from deploy.signing.metadata import Life, delegate, line_signer, public, signed, to_text, utc
from deploy.signing.repository import FIRST_LINE
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.signature import (
    MANIFEST_SHA256,
    SIGNED_AT,
    Signature,
    target_path,
)


class SigningRing:
    """Keys that release one manifest at a time, each release newer than the one before.

    key_id: TUF's name of the product line's key.
    """

    def __init__(self, folder: Path) -> None:
        self._keys = Keyring(folder)
        self._version = 0
        self._known: dict[bytes, bytes] = {}
        self.key_id = public(line_signer(self._keys, FIRST_LINE)).keyid

    def sign(self, manifest: bytes) -> bytes:
        """manifest.sig of `manifest`; the same bytes as before for one that was signed before."""
        if manifest not in self._known:
            self._version += 1
            self._known[manifest] = self._signature(manifest).model_dump_json().encode()
        return self._known[manifest]

    def _signature(self, manifest: bytes) -> Signature:
        life = Life(utc(SystemClock().utc_ns()))
        targets, line = self._targets(manifest, life)
        snapshot = Snapshot(version=self._version, expires=life.until("snapshot"))
        snapshot.meta = {"targets.json": self._listed(targets), "main.json": self._listed(line)}
        snapshot_text = self._online(snapshot)
        timestamp = Timestamp(version=self._version, expires=life.until("timestamp"))
        timestamp.snapshot_meta = self._listed(snapshot_text)
        timestamp.unrecognized_fields[SIGNED_AT] = life.now.isoformat()
        return Signature(
            roots=[(self._keys.folder / ROOT_JSON).read_text()],
            timestamp=self._online(timestamp).decode(),
            snapshot=snapshot_text.decode(),
            targets=targets.decode(),
            line=FIRST_LINE,
            line_targets=line.decode(),
        )

    def _targets(self, manifest: bytes, life: Life) -> tuple[bytes, bytes]:
        """targets.json, which delegates to the product line, and the line's."""
        until = life.until("targets")
        own = line_signer(self._keys, FIRST_LINE)
        targets = Targets(version=self._version, expires=until)
        delegate(targets, FIRST_LINE, public(own))
        line = Targets(version=self._version, expires=until, targets=_released(manifest))
        return to_text(signed(targets, [self._keys.read(TARGETS)])), to_text(signed(line, [own]))

    def _listed(self, text: bytes) -> MetaFile:
        return MetaFile.from_data(self._version, text, ["sha256"])

    def _online(self, content: Snapshot | Timestamp) -> bytes:
        return to_text(signed(content, [self._keys.read(ONLINE)]))


def make_keys(folder: Path) -> Path:
    """Make the keys of a workshop in `folder`; returns its root.json."""
    return new_keys.make_keys(Keyring(folder), Life(utc(SystemClock().utc_ns())))


def _released(manifest: bytes) -> dict[str, TargetFile]:
    """The one target of a product line, under the name and version that the manifest says."""
    found = json.loads(manifest)
    path = target_path(FIRST_LINE, found["spec"]["name"], found["version"])
    target = TargetFile.from_data(path, b"", ["sha256"])
    target.unrecognized_fields["custom"] = {MANIFEST_SHA256: sha256_hex(manifest)}
    return {path: target}
