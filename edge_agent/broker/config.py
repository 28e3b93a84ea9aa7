"""The tables of station.toml that lead to an MQTT broker."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from edge_agent.settings.secret import first_line
from edge_agent.settings.toml import IdentityPath, SecretPath, Table


class TlsTable(Table):
    """TLS towards the broker."""

    ca_file: IdentityPath | None = Field(
        default=None, description="PEM of the authority; absent: the system's authorities"
    )
    cert_file: IdentityPath | None = Field(default=None, description="PEM of our certificate")
    key_file: SecretPath | None = Field(default=None, description="PEM of our private key")

    @model_validator(mode="after")
    def _certificate_has_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file come together")
        return self


class BrokerTable(Table):
    """Where a broker is and how it lets us in."""

    host: str = Field(min_length=1, description="name or address of the broker")
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with TLS")
    protocol: Literal["5", "3.1.1"] = Field(
        default="5", description="MQTT version; 3.1.1 for a broker that does not know 5"
    )
    username: str | None = Field(default=None, description="user at the broker")
    password_file: SecretPath | None = Field(
        default=None, description="file whose first line is the password"
    )
    tls: TlsTable | None = Field(default=None, description="encrypts the connection")
    keepalive_s: int = Field(default=15, ge=2, le=3600, description="silence before the last will")

    @model_validator(mode="after")
    def _password_has_user(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("password_file needs username")
        return self

    def password(self) -> str | None:
        """The first line of password_file; raises ConfigError when it cannot be read."""
        if self.password_file is None:
            return None
        return first_line(self.password_file, "the password")
