"""TLS: is the connection encrypted, how long is the certificate valid, is there a way around it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from cryptography import x509

from deploy.broker.client import WAIT_S, CheckClient, tls_cure
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.contracts.core.loopback import is_loopback

PLAIN_PORT = 1883
SOON_DAYS = 30


def transport(target: BrokerTarget, now: datetime, plain_port: int) -> Iterator[CheckResult]:
    """now: UTC. plain_port: where an unencrypted listener may be beside the encrypted one."""
    if target.ca_file is None:
        yield _without(target)
        return
    try:
        version, certificate = _handshake(target)
    except OSError as error:  # of TLS, a reset, a port that is silent
        yield CheckResult("TLS", "FAIL", f"handshake fails ({error})", tls_cure(error))
        return
    yield CheckResult("TLS", "OK", f"{version}, for {target.host}")
    yield _validity(certificate, now)
    yield _plain(target, plain_port)


def _without(target: BrokerTarget) -> CheckResult:
    if is_loopback(target.host):
        return CheckResult("TLS", "OK", "not encrypted, on this computer")
    detail = "not encrypted: passwords and verdicts can be read and changed on the way"
    cure = "lineside-deploy broker-config writes TLS; give --ca-file"
    return CheckResult("TLS", "WARN", detail, cure)


def _handshake(target: BrokerTarget) -> tuple[str, x509.Certificate]:
    with (
        socket.create_connection((target.host, target.port), WAIT_S) as plain,
        target.tls_context().wrap_socket(plain, server_hostname=target.host) as link,
    ):
        certificate = link.getpeercert(binary_form=True)
        return link.version() or "", x509.load_der_x509_certificate(certificate or b"")


def _validity(certificate: x509.Certificate, now: datetime) -> CheckResult:
    end = certificate.not_valid_after_utc
    days = (end - now.astimezone(UTC)).days
    detail = f"until {end:%Y-%m-%d}, {days} days"
    if days < SOON_DAYS:
        return CheckResult("certificate", "WARN", detail, "renew the broker's certificate")
    return CheckResult("certificate", "OK", detail)


def _plain(target: BrokerTarget, port: int) -> CheckResult:
    """An open unencrypted port is a way around TLS."""
    what, other = "unencrypted port", replace(target, port=port, ca_file=None, cert_file=None)
    try:
        with CheckClient(other):
            pass
    except BrokerError as error:
        return CheckResult(what, "OK", f"port {port} is no way in ({error.what})")
    detail = f"port {port} lets the same user in without TLS"
    return CheckResult(what, "WARN", detail, "close it, or bind it to 127.0.0.1")
