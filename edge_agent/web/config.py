"""The table [web] of station.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from edge_agent.contracts.core.extras import ARGON2, JINJA2, STARLETTE, UVICORN, Library
from edge_agent.contracts.core.loopback import is_loopback
from edge_agent.settings.toml import IdentityPath, SecretPath, Table


class WebTable(Table):
    """The station's local page."""

    enabled: bool = Field(default=False, description="whether the station serves its page")
    host: str = Field(
        default="127.0.0.1", description="address to listen on; 0.0.0.0: every network"
    )
    port: int = Field(default=8080, ge=1, le=65535, description="TCP port")
    tls_cert: IdentityPath | None = Field(default=None, description="certificate chain, PEM")
    tls_key: SecretPath | None = Field(default=None, description="its private key, PEM")
    plain_http: bool = Field(
        default=False, description="allow another host than this one without TLS"
    )
    users_file: SecretPath = Field(
        default=Path("users.json"),
        validate_default=True,
        description="people and roles, from `lineside-agent users add`; absent: read-only, and "
        "only from this machine",
    )
    session_hours: float = Field(
        default=12, gt=0, le=168, description="a person without a click is logged off after it"
    )
    picture_rate_hz: float = Field(
        default=5, gt=0, le=30, description="most live pictures in a second for one viewer"
    )
    viewers: int = Field(default=8, ge=1, le=64, description="most live views at a time")
    history_days: float = Field(
        default=30, gt=0, le=366, description="parts are counted and drawn for so long"
    )
    missed_defect_cost: float = Field(
        default=100, ge=0, le=1e9, description="cost of a bad part that passes, in your currency"
    )
    false_reject_cost: float = Field(
        default=1, ge=0, le=1e9, description="cost of a good part that is rejected"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (STARLETTE, UVICORN, JINJA2, ARGON2) if self.enabled else ()

    @property
    def listens_on(self) -> tuple[int, ...]:
        """The TCP ports that it opens on this station."""
        return (self.port,) if self.enabled else ()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the page."""
        return is_loopback(self.host)

    @model_validator(mode="after")
    def _key_and_certificate(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: give both or none")
        return self

    @model_validator(mode="after")
    def _network_is_encrypted(self) -> Self:
        if not (self.is_local or self.tls_cert or self.plain_http):
            raise ValueError(
                f"host {self.host!r} is reached from the network: give tls_cert and tls_key, "
                "or set plain_http = true where passwords may be read on the way"
            )
        return self
