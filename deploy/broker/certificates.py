"""An authority of the plant's own, and the broker's certificate, where there is none yet."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.secret_file import read_secret

CA_DAYS, SERVER_DAYS = 3650, 825
"""Clients refuse server certificates that are valid longer (Apple's limit, the strictest)."""
MEND = "put the authority's key back, or remove ca.pem to make a new authority"
CA, CA_KEY, SERVER, SERVER_KEY = "ca.pem", "ca.key", "broker.pem", "broker.key"


def ensure_certificates(folder: Path, hosts: Sequence[str], now: datetime) -> None:
    """Write ca.pem, ca.key, broker.pem and broker.key for `hosts`; an authority stays.

    now: UTC. Raises ConfigError for an authority's file that cannot be read.
    """
    authority, key = _authority(folder, now)
    server_key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        certificate_builder(hosts[0], authority.subject, server_key.public_key(), now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    write_atomic(folder / SERVER, certificate.public_bytes(serialization.Encoding.PEM))
    write_atomic(folder / SERVER_KEY, _pem(server_key), 0o600)


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    return authority_of(folder) if (folder / CA).exists() else _new_authority(folder, now)


def authority_of(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority's certificate and key in `folder`; raises ConfigError."""
    paths = folder / CA, folder / CA_KEY
    try:
        certificate = x509.load_pem_x509_certificate(paths[0].read_bytes())
        key = serialization.load_pem_private_key(read_secret(paths[1], "the key", MEND), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"cannot be used ({error})", where=str(folder), cure=MEND) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        cure = "remove ca.pem to make a new authority"
        raise ConfigError("is no key of an elliptic curve", where=str(paths[1]), cure=cure)
    return certificate, key


def _new_authority(
    folder: Path, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lineside broker authority")])
    certificate = (
        certificate_builder("Lineside broker authority", name, key.public_key(), now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(KEY_CERT_SIGN, critical=True)
        .sign(key, hashes.SHA256())
    )
    write_atomic(folder / CA_KEY, _pem(key), 0o600)
    write_atomic(folder / CA, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


KEY_CERT_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def certificate_builder(
    common_name: str,
    issuer: x509.Name,
    public_key: CertificatePublicKeyTypes,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    """A certificate from a day before `now` (UTC) on, without extensions."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        # A station without a clock of its own may be a little behind.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
