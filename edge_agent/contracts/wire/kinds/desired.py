"""What a rollout wants of one station: signed, because the broker in between is not trusted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Name, Sha256, Version
from edge_agent.contracts.model.signature import MOST_ROOTS
from edge_agent.contracts.wire.stream import Stream

SEAL = b"lineside desired state 1\n"
"""Before what is signed: no signature of metadata or of a receipt can be taken for one of these."""
MOST_CONTENT = 4096
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2}){1,1024}$")]


class DesiredState(Strict):
    """The signed content: which bundle a station shall install, or return from.

    counter: higher than that of every earlier one for this station.
    """

    station: str = Field(max_length=63)
    counter: int = Field(ge=1, lt=1 << 63)
    signed_at_ns: int = Field(ge=0, description="UTC, nanoseconds since 1970")
    expires_ns: int = Field(ge=0, description="UTC; it is begun before this time or never")
    action: Literal["install", "return"] = Field(
        description="install this bundle, or go back to the one before it"
    )
    name: Name
    version: Version
    manifest_sha256: Sha256
    probation_s: float = Field(default=0.0, ge=0, le=86_400, description="watched for so long")


class KeySignature(Strict):
    """By one key of the root's role `timestamp`."""

    key_id: Sha256
    signature: Hex


class DesiredMessage(Strict):
    """To the station, retained: a DesiredState and who signed it."""

    schema_version: Literal[1] = 1
    kind: Literal["desired"] = "desired"
    roots: list[str] = Field(
        min_length=1, max_length=MOST_ROOTS, description="every root from the first (TUF)"
    )
    content: str = Field(max_length=MOST_CONTENT, description="a DesiredState as JSON, as signed")
    signatures: list[KeySignature] = Field(min_length=1, max_length=4)

    def signed_bytes(self) -> bytes:
        """What the signatures are made of."""
        return SEAL + self.content.encode()


STREAM = Stream(
    "desired",
    DesiredMessage,
    "inbound",
    qos=1,
    retain=True,
    max_bytes=1 << 18,
    when="a rollout reaches the station",
)
