"""TLS towards the broker: both sides prove who they are, and a stranger is refused."""

from __future__ import annotations

import datetime
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from benchmarks.brokers import find_mosquitto, free_port, wait_for_port
from edge_agent.broker.client import build_client
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.probe import probe_broker


@dataclass
class Authority:
    """A certificate authority that lives in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.folder.name)])
        self.folder.mkdir()
        self.ca = self._save("ca", self._sign(self.name, self.key, ca=True), self.key)[0]

    def issue(self, host: str) -> tuple[Path, Path]:
        """Certificate and key for `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        return self._save(host, self._sign(name, key, ca=False), key)

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def _save(
        self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
    ) -> tuple[Path, Path]:
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return paths


@pytest.fixture
def plant(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "plant")


@pytest.fixture
def port(tmp_path: Path, plant: Authority) -> Iterator[int]:
    """A broker that asks for a certificate of the plant."""
    program = find_mosquitto()
    if program is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    certificate, key = plant.issue("localhost")
    number = free_port()
    conf = tmp_path / "tls.conf"
    conf.write_text(
        f"listener {number} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
        f"cafile {plant.ca}\ncertfile {certificate}\nkeyfile {key}\nuser root\nlog_dest none\n"
    )
    process = subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.DEVNULL)
    wait_for_port(number)
    yield number
    process.terminate()
    process.wait(10)


def table(port: int, ca: Path, pair: tuple[Path, Path] | None) -> MqttTable:
    tls: dict[str, object] = {"ca_file": ca}
    if pair is not None:
        tls |= {"cert_file": pair[0], "key_file": pair[1]}
    return MqttTable.model_validate({"host": "localhost", "port": port, "tls": tls})


def test_station_with_a_certificate_of_the_plant_is_let_in(plant: Authority, port: int) -> None:
    found = probe_broker(table(port, plant.ca, plant.issue("station")), "demo", "lineside-demo")
    assert {finding.grade for finding in found} <= {"OK", "WARN", "UNKNOWN"}
    assert "TLS" in found[1].detail


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_broker_of_a_stranger_is_not_believed(plant: Authority, port: int, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    found = probe_broker(table(port, stranger.ca, plant.issue("station")), "demo", "lineside-demo")
    assert found[-1].grade == "FAIL"
    assert "CERTIFICATE_VERIFY_FAILED" in found[-1].detail
    assert "mqtt.tls.ca_file" in found[-1].cure


def test_station_without_certificate_is_refused(plant: Authority, port: int) -> None:
    started = time.monotonic()
    found = probe_broker(table(port, plant.ca, None), "demo", "lineside-demo")
    assert found[-1].grade == "FAIL"
    assert time.monotonic() - started < 12


def test_certificate_file_that_is_none_is_named(plant: Authority, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.pem: TLS files cannot be used"):
        build_client(table(1, tmp_path / "gone.pem", None), "a")


def test_a_key_with_a_pass_phrase_is_refused_without_a_question(
    plant: Authority, tmp_path: Path
) -> None:
    certificate, key = plant.issue("station")
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    with pytest.raises(ConfigError, match=r"encrypted.*openssl pkey"):
        build_client(table(1, plant.ca, (certificate, locked)), "a")
