"""TUF metadata as this workshop makes it: roles, keys, life times, signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from securesystemslib.signer import Key, SecretsHandler, Signature, Signer, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Root,
    Signed,
    Targets,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from deploy.signing.keys import ONLINE, ROOTS, TARGETS, Keyring, PrivateKey, line_key
from edge_agent.contracts.core.errors import StorageError

ROOT_THRESHOLD = 2
LIFE_DAYS = {"root": 3 * 365, "targets": 365, "snapshot": 365, "timestamp": 90}
"""An air-gapped factory refreshes its folder by hand: a quarter of a year is what people manage."""

Kind = TypeVar("Kind", bound=Signed)


@dataclass(frozen=True)
class Life:
    """When metadata is signed, and for how long; `days` overrides the roles' own."""

    now: datetime
    days: int | None = None

    def until(self, role: str) -> datetime:
        """The moment at which metadata of `role` expires (UTC, whole seconds)."""
        days = self.days or LIFE_DAYS.get(role, LIFE_DAYS["targets"])
        return (self.now + timedelta(days=days)).replace(microsecond=0)


def utc(time_ns: int) -> datetime:
    """Nanoseconds since 1970 as a moment in UTC, whole seconds."""
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)


class _Signer(Signer):
    """A key of ours as TUF signs with it: in a file or on a token."""

    def __init__(self, private: PrivateKey) -> None:
        self._private = private
        self._public = public(private)

    @property
    def public_key(self) -> Key:
        return self._public

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> Signer:
        raise NotImplementedError  # keys are named by their ring, not by a URI

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._public.keyid, self._private.sign(payload).hex())


def public(private: PrivateKey) -> SSlibKey:
    """The public half as TUF names keys."""
    return SSlibKey.from_crypto(private.public_key())


def first_root(keys: Keyring, life: Life) -> Metadata[Root]:
    """Version 1 of the root: two of three root keys; signed by all three."""
    root = Root(expires=life.until("root"), consistent_snapshot=True)
    for name in ROOTS:
        root.add_key(public(keys.read(name)), "root")
    root.roles["root"].threshold = ROOT_THRESHOLD
    root.add_key(public(keys.read(TARGETS)), "targets")
    for role in ("snapshot", "timestamp"):
        root.add_key(public(keys.read(ONLINE)), role)
    return signed(root, [keys.read(name) for name in ROOTS])


def signed(content: Signed, privates: Sequence[PrivateKey]) -> Metadata[Any]:
    """`content` with the signatures of `privates`."""
    metadata: Metadata[Any] = Metadata(content)
    for private in privates:
        metadata.sign(_Signer(private), append=True)
    return metadata


def unpublished(content: Kind) -> Kind:
    """Content that gets its first version, which is 1, when it is published."""
    content.version = 0
    return content


def delegate(targets: Targets, line: str, key: SSlibKey) -> None:
    """Let `key` alone release the bundles of `line`: its earlier key counts no longer."""
    if targets.delegations is None:
        targets.delegations = Delegations({}, {})
    roles: dict[str, DelegatedRole] = targets.delegations.roles or {}
    for old in list(roles[line].keyids) if line in roles else []:
        targets.revoke_key(old, line)
    roles[line] = DelegatedRole(line, [], 1, terminating=True, paths=[f"{line}/*"])
    targets.delegations.roles = roles
    targets.add_key(key, line)


def lines_of(targets: Targets) -> list[str]:
    """The product lines, in alphabetical order."""
    delegations = targets.delegations
    return sorted((delegations.roles or {}) if delegations else {})


def line_signer(keys: Keyring, line: str) -> PrivateKey:
    """The key of a product line."""
    return keys.read(line_key(line))


def to_text(metadata: Metadata[Any]) -> bytes:
    """The bytes of a metadata file."""
    return metadata.to_bytes(JSONSerializer(compact=False))


def from_text(text: bytes, where: str) -> Metadata[Any]:
    """A metadata file of our own; raises StorageError."""
    try:
        return Metadata.from_bytes(text)
    except DeserializationError as error:
        raise StorageError(
            "no TUF metadata", where=where, cure="restore the folder of releases from your copy"
        ) from error
