"""Adapters of station.toml beside a station at work."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.prometheus import PrometheusAdapter
from edge_agent.station.adapter_set import AdapterSet
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from tests.station_kit import wait_until, write_station

FOLDER = 'driver = "folder"\npath = "frames"'
PROMETHEUS = {"[adapter]": 'driver = "prometheus"\nport = 0'}


def test_station_without_adapters_has_none(bench: Path) -> None:
    assert not AdapterSet(read_config(write_station(bench, FOLDER)), SystemClock()).by_driver


def test_scrape_shows_every_part_of_a_run(bench: Path) -> None:
    config = read_config(write_station(bench, FOLDER, **PROMETHEUS))
    adapters = AdapterSet(config, SystemClock())
    prometheus = adapters.by_driver["prometheus"]
    assert isinstance(prometheus, PrometheusAdapter)
    station = Station(config, clock=SystemClock(), listeners=[prometheus], keep_trying=False)
    adapters.open(lambda: Delivery(station.waiting, station.sent))
    station.run(threading.Event())

    def lines() -> set[str]:
        with urlopen(f"http://127.0.0.1:{prometheus.port}/metrics", timeout=10) as answer:
            return set(answer.read().decode().splitlines())

    wanted = {
        'lineside_parts_total{reason="good",verdict="PASS"} 9.0',
        'lineside_channel_verdicts_total{channel="top",reason="dark",verdict="FAIL"} 3.0',
        "lineside_latency_seconds_count 12.0",
        'lineside_state{lineside_state="stopping"} 1.0',
        "lineside_outbox_messages 0.0",
    }
    assert wait_until(lambda: wanted <= lines(), 5), lines()
    adapters.close()


def test_taken_port_is_logged_and_the_station_goes_on(
    bench: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        table = {"[adapter]": f'driver = "prometheus"\nport = {port}'}
        config = read_config(write_station(bench, FOLDER, **table))
        adapters = AdapterSet(config, SystemClock())
        with caplog.at_level(logging.ERROR, "lineside.adapter"):
            adapters.open(Delivery)
    assert "no adapter prometheus" in caplog.text
    assert f"port {port} on 127.0.0.1 cannot be taken" in caplog.text
    adapters.close()


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"[adapter]": 'driver = "prometheus"\nprot = 1'}, "unknown key 'prot', did you mean"),
        ({"[adapter]": 'driver = "promethius"'}, "did you mean 'prometheus'?"),
        ({"[adapter]": 'driver = "prometheus"\nport = 70000'}, "port"),
        ({"[adapter]": 'driver = "home_assistant"'}, "adapter 'home_assistant' needs [mqtt]"),
        (
            {"[adapter]": 'driver = "prometheus"\n[[adapter]]\ndriver = "prometheus"\nport = 1'},
            "two adapters are 'prometheus'",
        ),
    ],
    ids=["key", "driver", "port", "no-broker", "twice"],
)
def test_wrong_table_is_refused(bench: Path, tables: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(write_station(bench, FOLDER, **tables))
    assert words in str(caught.value)
