"""A kill tells what a broker's acknowledgement is worth."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.brokers import Mosquitto, find_mosquitto, free_port, wait_for_port
from deploy.broker.survival import survival
from deploy.broker.target import BrokerTarget


class PlainMosquitto(Mosquitto):
    """mosquitto as a package brings it, but for where it listens and keeps its file."""

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "plain.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {self._folder}/\n"
        )
        self._process = subprocess.Popen(
            [find_mosquitto() or "mosquitto", "-c", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.port)


@pytest.mark.parametrize(
    ("kind", "grade", "settle_s"),
    [(PlainMosquitto, "FAIL", 0.2), (Mosquitto, "OK", 2.2)],
    ids=["default", "saved"],
)
def test_the_default_of_mosquitto_loses_what_it_acknowledged(
    tmp_path: Path, kind: type[Mosquitto], grade: str, settle_s: float
) -> None:
    with kind(tmp_path, free_port()) as broker:

        def cut() -> None:
            broker.kill()
            broker.start()

        found = survival(BrokerTarget("127.0.0.1", broker.port), cut, settle_s)
    assert found.grade == grade, found
    assert bool(found.cure) == (grade == "FAIL")
