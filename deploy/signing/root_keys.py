"""Which keys of a ring the root lists, and in which of its roles."""

from __future__ import annotations

from typing import Any

from deploy.signing.keys import ONLINE, ROOTS, TARGETS, Keyring, PrivateKey
from deploy.signing.metadata import ROOT_THRESHOLD, public
from edge_agent.contracts.core.errors import ConfigError


def roles_of(name: str) -> tuple[str, ...]:
    """The roles of the root in which the key `name` signs."""
    return {ONLINE: ("snapshot", "timestamp"), TARGETS: ("targets",)}.get(name, ("root",))


def lists_key(root: Any, name: str, private: PrivateKey) -> bool:
    """Whether `private` signs in every role of the key `name`."""
    return all(public(private).keyid in root.roles[role].keyids for role in roles_of(name))


def key_ids_of(root: Any, role: str, keys: Keyring, name: str) -> list[str]:
    """The ids that the key `name` has in `role`; a lost key of the root is the one not at hand."""
    ids = list(root.roles[role].keyids)
    if role != "root":
        return ids
    if keys.has(name):
        return [one for one in ids if one == public(keys.read(name)).keyid]
    present = {public(keys.read(other)).keyid for other in ROOTS if keys.has(other)}
    absent = [one for one in ids if one not in present]
    if len(absent) == 1:
        return absent
    raise ConfigError(
        f"which of {len(absent)} keys {name} was cannot be told",
        where=str(keys.folder),
        cure="put the two other root keys into the folder",
    )


def root_signers(root: Any, keys: Keyring) -> list[PrivateKey]:
    """The private root keys at hand that the root lists; raises ConfigError below two."""
    found = [keys.read(name) for name in ROOTS if keys.has(name)]
    found = [key for key in found if public(key).keyid in root.roles["root"].keyids]
    if len(found) < ROOT_THRESHOLD:
        raise ConfigError(
            f"{len(found)} of the root keys lie here, {ROOT_THRESHOLD} must sign",
            where=str(keys.folder),
            cure="fetch another one from where it is stored, for the time of this command",
        )
    return found
