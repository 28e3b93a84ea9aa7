"""A station's certificate is for clients, of this authority, and made anew before it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.broker.certificates import SERVER_DAYS, ensure_certificates
from deploy.broker.station_certificate import RENEW_DAYS, is_good, sign_request
from edge_agent.broker.identity import certificate_request
from edge_agent.contracts.core.errors import ConfigError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def request_of_press3(tmp_path: Path) -> bytes:
    ensure_certificates(tmp_path, ["broker"], NOW)
    return certificate_request(tmp_path / "press3.key", "press3", tmp_path.stat().st_gid)


def test_it_proves_a_client_and_no_server(request_of_press3: bytes, tmp_path: Path) -> None:
    pem = sign_request(tmp_path, request_of_press3, "press3", NOW)
    found = x509.load_pem_x509_certificate(pem)
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert is_good(tmp_path, pem, "press3", NOW)
    assert not is_good(tmp_path, pem, "press4", NOW)
    late = NOW + timedelta(days=SERVER_DAYS - RENEW_DAYS, hours=1)
    assert not is_good(tmp_path, pem, "press3", late)
    assert not is_good(tmp_path, b"", "press3", NOW)
    ensure_certificates(tmp_path / "other", ["broker"], NOW)
    assert not is_good(tmp_path / "other", pem, "press3", NOW)


def test_a_request_of_another_station_is_refused(request_of_press3: bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="press4: the request is for press3"):
        sign_request(tmp_path, request_of_press3, "press4", NOW)
    with pytest.raises(ConfigError, match="press3: no certificate request"):
        sign_request(tmp_path, b"x", "press3", NOW)
