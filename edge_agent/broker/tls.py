"""TLS towards a broker, and what its errors mean."""

from __future__ import annotations

import ssl

from edge_agent.broker.config import BrokerTable, TlsTable
from edge_agent.contracts.core.errors import ConfigError


def tls_context(table: TlsTable) -> ssl.SSLContext:
    """The context of [mqtt.tls]; raises ConfigError for files that cannot be used."""
    ca, cert, key = (
        None if path is None else str(path)
        for path in (table.ca_file, table.cert_file, table.key_file)
    )
    try:
        context = ssl.create_default_context(cafile=ca)
        if cert is not None:
            # Without this OpenSSL asks the terminal, and a station would wait there for ever.
            context.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        names = ", ".join(name for name in (ca, cert, key) if name)
        encrypted = "is encrypted" in str(error)
        cure = (
            "decrypt the key (openssl pkey -in KEY -out KEY)" if encrypted else "check [mqtt.tls]"
        )
        raise ConfigError(f"TLS files cannot be used ({error})", where=names, cure=cure) from error
    return context


def tls_cure(config: BrokerTable, error: ssl.SSLError) -> str:
    """What to do after a failed handshake."""
    text = str(error).lower()
    if "not yet valid" in text:
        return "set this station's clock (it is before the certificate's first day)"
    if "expired" in text:
        return "renew the broker's certificate, or set this station's clock"
    if "hostname mismatch" in text or "ip address mismatch" in text:
        return "set mqtt.host to a name in the broker's certificate"
    if "certificate_verify_failed" in text or "verify failed" in text:
        return "set mqtt.tls.ca_file to the authority that signed the broker's certificate"
    if "wrong_version_number" in text or "record layer" in text:
        return f"port {config.port} does not speak TLS: set mqtt.port (8883 is usual)"
    if "certificate_required" in text or "handshake failure" in text or "alert" in text:
        return "the broker asks for a certificate that it knows: set mqtt.tls.cert_file, key_file"
    return "check [mqtt.tls]"


def _no_password() -> str:
    raise ValueError("the key is encrypted, and a station has no password for it")
