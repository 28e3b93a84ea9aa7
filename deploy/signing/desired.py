"""Desired states for stations, signed by the key that says what is current."""

from __future__ import annotations

from pathlib import Path

from deploy.signing.keys import ONLINE, Keyring
from deploy.signing.metadata import public
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.signature import MOST_ROOTS
from edge_agent.contracts.wire.kinds.desired import (
    SEAL,
    DesiredMessage,
    DesiredState,
    KeySignature,
)


class DesiredSigner:
    """Signs with the key `online` of `keys`; the roots come from the folder of releases.

    Raises ConfigError where one of the two cannot be read.
    """

    def __init__(self, keys: Keyring, releases: Path) -> None:
        self._private = keys.read(ONLINE)
        self._key_id = public(self._private).keyid
        self._roots = roots_of(releases)

    def sign(self, state: DesiredState) -> DesiredMessage:
        """The message that carries `state`."""
        content = state.model_dump_json()
        signature = self._private.sign(SEAL + content.encode()).hex()
        return DesiredMessage(
            roots=self._roots,
            content=content,
            signatures=[KeySignature(key_id=self._key_id, signature=signature)],
        )


def roots_of(releases: Path) -> list[str]:
    """Every root of a folder of releases, from the first; raises ConfigError where none lies."""
    found: list[str] = []
    for number in range(1, MOST_ROOTS + 1):
        path = releases / "metadata" / f"{number}.root.json"
        if not path.is_file():
            break
        found.append(path.read_text(encoding="utf-8"))
    if not found:
        raise ConfigError(
            "is no folder of releases",
            where=str(releases),
            cure="name the one that `lineside-deploy release` wrote with --releases DIR",
        )
    return found
