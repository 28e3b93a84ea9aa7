"""How a server is known by its certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError


def server_context(ca: Path | None) -> ssl.SSLContext:
    """ca: PEM of who signs the server's certificate; None: the system's authorities.

    Raises ConfigError for a file that cannot be used: to try again would mend nothing.
    """
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as error:  # ssl.SSLError, too: a file without a certificate
        raise ConfigError(
            f"the certificate of the authority cannot be used ({error.strerror or error})",
            where="the system's authorities" if ca is None else str(ca),
            cure="name the PEM file of who signs the server's certificate",
        ) from error
