"""A broker that did not start is not taken for one that did."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from benchmarks.brokers import Mosquitto, find_mosquitto

pytestmark = pytest.mark.skipif(find_mosquitto() is None, reason="NOT TESTED: no mosquitto here")


def test_a_broker_whose_port_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        broker = Mosquitto(tmp_path / "broker", other.getsockname()[1])
        with pytest.raises(RuntimeError, match=f"port {broker.port} ended with 1"):
            broker.start()
    broker.start()  # the port is free again
    broker.stop()
