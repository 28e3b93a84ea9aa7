"""The station's key stays where it is made; the certificate that comes back must be of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from deploy.broker.certificates import ensure_certificates
from deploy.broker.station_certificate import sign_request
from edge_agent.__main__ import main
from edge_agent.broker.config import TlsTable
from edge_agent.broker.identity import certificate_request, install_certificate, key_files
from edge_agent.contracts.core.errors import ConfigError
from tests.signing_kit import now

Shown = pytest.CaptureFixture[str]

STATION = """
[station]
id = "press3"
[trust]
allow_unsigned = true
[mqtt]
host = "broker"
[mqtt.tls]
cert_file = "tls/press3.pem"
key_file = "tls/press3.key"
[[channel]]
name = "top"
kind = "image"
bundle = "caps.bundle"
[channel.source]
driver = "simulated"
"""


@pytest.fixture
def station(tmp_path: Path) -> Path:
    (tmp_path / "station.toml").write_text(STATION)
    ensure_certificates(tmp_path / "broker", ["broker"], now().now)
    return tmp_path / "station.toml"


def test_a_key_is_made_once_and_its_certificate_installed(
    station: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["identity", "request", str(station)]) == 0
    request = capsys.readouterr().out
    key = station.parent / "tls" / "press3.key"
    first = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o640
    assert main(["identity", "request", str(station), "--json"]) == 0
    assert key.read_bytes() == first
    again = x509.load_pem_x509_csr(json.loads(capsys.readouterr().out)["request"].encode())
    assert again.public_key() == x509.load_pem_x509_csr(request.encode()).public_key()
    pem = sign_request(station.parent / "broker", request.encode(), "press3", now().now)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(pem)))
    assert main(["identity", "install", str(station)]) == 0
    assert "CN=press3" in capsys.readouterr().out
    assert (station.parent / "tls" / "press3.pem").read_bytes() == pem
    private = serialization.load_pem_private_key(first, None)
    assert x509.load_pem_x509_certificate(pem).public_key() == private.public_key()


def test_the_certificate_of_another_key_is_refused(station: Path) -> None:
    folder = station.parent
    request = certificate_request(folder / "other.key", "press3", folder.stat().st_gid)
    certificate_request(folder / "own.key", "press3", folder.stat().st_gid)
    pem = sign_request(folder / "broker", request, "press3", now().now)
    with pytest.raises(ConfigError, match="the certificate is not of this station's key"):
        install_certificate(folder / "own.key", folder / "own.pem", pem, folder.stat().st_gid)
    with pytest.raises(ConfigError, match="stdin: no certificate"):
        install_certificate(folder / "own.key", folder / "own.pem", b"x", folder.stat().st_gid)
    assert not (folder / "own.pem").exists()


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    with pytest.raises(ConfigError, match="no private key that can be read"):
        certificate_request(tmp_path / "key", "a", 0)
    for table in (None, TlsTable()):
        with pytest.raises(ConfigError, match=r"set mqtt\.tls\.key_file"):
            key_files(table, tmp_path)
