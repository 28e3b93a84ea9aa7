"""What is known of a broker without a client: its name in sentences, and cures of its refusals."""

from __future__ import annotations

import subprocess
import sys

from edge_agent.broker.address import CURES, address
from edge_agent.broker.config import BrokerTable
from edge_agent.messaging.mqtt.connection import FAILURES


def test_a_broker_is_named_by_host_and_port() -> None:
    assert address(BrokerTable(host="plant.local", port=8883)) == "broker plant.local:8883"


def test_every_cure_is_of_a_reason_that_a_broker_gives() -> None:
    assert set(CURES) <= set(FAILURES.values())


def test_a_station_that_sends_its_verdicts_loads_no_general_client() -> None:
    code = "import sys, edge_agent.station.station; print('paho.mqtt.client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
