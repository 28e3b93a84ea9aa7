"""A station's certificate, from its request and the authority that `broker-config` made."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.broker.certificates import SERVER_DAYS, authority_of, certificate_builder
from edge_agent.contracts.core.errors import ConfigError

RENEW_DAYS = 90
"""A certificate that ends sooner is made anew."""


def sign_request(folder: Path, request: bytes, name: str, now: datetime) -> bytes:
    """The certificate of the station `name`, as PEM, for clients alone.

    now: UTC. Raises ConfigError for a request of another name, or an authority that cannot sign.
    """
    try:
        found = x509.load_pem_x509_csr(request)
        signed = found.is_signature_valid
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"no certificate request ({error})", where=name, cure="look at the station's log"
        ) from error
    names = [str(a.value) for a in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not signed or names != [name[:64]]:
        raise ConfigError(
            f"the request is for {', '.join(names) or 'nobody'}",
            where=name,
            cure="give the board the station.toml of this station",
        )
    authority, key = authority_of(folder)
    public_key = found.public_key()
    certificate = (
        certificate_builder(name, authority.subject, public_key, now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def is_good(folder: Path, pem: bytes, name: str, now: datetime) -> bool:
    """Whether a certificate is of this authority and station, and lasts RENEW_DAYS more."""
    authority, _ = authority_of(folder)
    try:
        found = x509.load_pem_x509_certificate(pem)
        found.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    names = [str(a.value) for a in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return names == [name[:64]] and found.not_valid_after_utc > now + timedelta(days=RENEW_DAYS)
