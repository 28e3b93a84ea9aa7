"""The broker that is checked, and as whom."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.secret_file import refuse_open
from edge_agent.contracts.wire.stream import topic_of

Protocol = Literal["5", "3.1.1"]


@dataclass(frozen=True)
class BrokerTarget:
    """Where the broker is, and the user of the station `station` there.

    ca_file: encrypts the connection; cert_file, key_file: where the broker asks for a certificate.
    """

    host: str
    port: int = 1883
    protocol: Protocol = "5"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    prefix: str = "lineside"
    station: str = "lineside-check"

    @property
    def address(self) -> str:
        """`broker host:port`."""
        return f"broker {self.host}:{self.port}"

    def topic(self, name: str) -> str:
        """A topic of the station."""
        return topic_of(name, self.prefix, self.station)

    def tls_context(self) -> ssl.SSLContext:
        """The context of the files given; raises ConfigError where they cannot be used."""
        ca, cert, key = (
            None if path is None else str(path)
            for path in (self.ca_file, self.cert_file, self.key_file)
        )
        if self.key_file is not None:
            refuse_open(self.key_file, "the private key")
        try:
            context = ssl.create_default_context(cafile=ca)
            if cert is not None:
                context.load_cert_chain(cert, key, password="")
        except (OSError, ssl.SSLError, ValueError) as error:
            where = ", ".join(name for name in (ca, cert, key) if name)
            cure = "give --ca-file, --cert-file and --key-file as PEM, the key not encrypted"
            raise ConfigError(f"cannot be used ({error})", where=where, cure=cure) from error
        return context
