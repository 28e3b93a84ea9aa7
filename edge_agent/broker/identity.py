"""The station's private key and its certificate: made here, signed elsewhere, renewed by hand.

The key never leaves the station: it gives a certificate request (PKCS #10), and takes the
certificate that the plant's authority made of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_agent.broker.config import TlsTable
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import storage_error, write_atomic

KEY_MODE = 0o640
"""Root writes it, and the agent's group reads it: that of station.toml."""


def key_files(tls: TlsTable | None, where: Path) -> tuple[Path, Path]:
    """Where key and certificate lie; raises ConfigError for a station without them."""
    if tls is None or tls.key_file is None or tls.cert_file is None:
        raise ConfigError(
            "names no key of this station",
            where=str(where),
            cure="set mqtt.tls.key_file and mqtt.tls.cert_file",
        )
    return tls.key_file, tls.cert_file


def certificate_request(key_file: Path, name: str, group: int) -> bytes:
    """A request for the station `name` as PEM; the key is made where there is none.

    group: whose members read the key. Raises ConfigError for a file that is no key, StorageError.
    """
    if not key_file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_atomic(key_file, text, 0o600)
        _give(key_file, group)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.sign(_key(key_file), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def install_certificate(key_file: Path, cert_file: Path, pem: bytes, group: int) -> str:
    """Store the certificate of this station's key; its subject. Raises ConfigError for another's.

    What is stored already is not written again.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ConfigError(
            f"no certificate ({error})", where="stdin", cure="give one as PEM"
        ) from error
    if certificate.public_key() != _key(key_file).public_key():
        raise ConfigError(
            "the certificate is not of this station's key",
            where=str(key_file),
            cure="let it be made from `lineside-agent identity request`",
        )
    if not cert_file.exists() or cert_file.read_bytes() != pem:
        write_atomic(cert_file, pem)
        _give(cert_file, group)
    return certificate.subject.rfc4514_string()


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"no private key that can be read ({error})",
            where=str(path),
            cure="remove it; `lineside-agent identity request` makes another",
        ) from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise ConfigError(
            "no key of an elliptic curve",
            where=str(path),
            cure="remove it; `lineside-agent identity request` makes one",
        )
    return found


def _give(path: Path, group: int) -> None:
    """Let the agent's group read it; the owner stays whoever runs this."""
    try:
        os.chown(path, -1, group)
        path.chmod(KEY_MODE)
    except OSError as error:
        raise storage_error(path, error) from error
