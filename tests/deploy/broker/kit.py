"""Brokers for the checks: mosquitto with any configuration, or as broker-config writes it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.brokers import Mosquitto, find_mosquitto, free_port, wait_for_port
from deploy.broker.accounts import accounts
from deploy.broker.certificates import ensure_certificates
from deploy.broker.mosquitto import mosquitto_files
from deploy.broker.settings import BrokerSettings
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.check_result import CheckResult

NOW = datetime.now(UTC)


@contextlib.contextmanager
def with_lines(folder: Path, *lines: str) -> Iterator[BrokerTarget]:
    """A mosquitto of the benchmarks with further lines of configuration."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    with Mosquitto(folder, extra="\n".join(lines)) as broker:
        yield BrokerTarget("127.0.0.1", broker.port, station="press-1")


def written(folder: Path, *stations: str, name: str = "press-1") -> BrokerTarget:
    """The files of broker-config for a mosquitto, and its target as the user `name`."""
    port = free_port()
    users = accounts(folder, stations or ("press-1", "press-2"), "lineside")
    for file, content in mosquitto_files(BrokerSettings(users, str(folder), port)).items():
        (folder / file).write_text(content.text)
    conf = folder / "mosquitto.conf"
    text = conf.read_text().replace("/var/lib/mosquitto/", f"{folder}/data/")
    conf.write_text(f"user root\n{text}")
    (folder / "data").mkdir(exist_ok=True)
    ensure_certificates(folder, ["localhost", "127.0.0.1"], NOW)
    return as_user(folder, port, name)


def as_user(folder: Path, port: int, name: str) -> BrokerTarget:
    """The broker of this folder, as one of its users."""
    password = (folder / "passwords" / name).read_text().strip()
    ca_file = folder / "ca.pem"
    return BrokerTarget(
        "localhost", port, username=name, password=password, ca_file=ca_file, station=name
    )


@contextlib.contextmanager
def running(folder: Path, port: int) -> Iterator[None]:
    """The mosquitto of a written configuration."""
    words = [find_mosquitto() or "mosquitto", "-c", str(folder / "mosquitto.conf")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port)
            yield
        finally:
            process.terminate()
            process.wait(10)


def grades(found: list[CheckResult]) -> dict[str, str]:
    """What was looked at -> its grade."""
    return {finding.what: finding.grade for finding in found}


def one(found: list[CheckResult], what: str) -> CheckResult:
    """The finding on `what`."""
    return next(finding for finding in found if finding.what == what)
