"""Metrics for Prometheus: it fetches them from http://HOST:PORT/metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.extras import PROMETHEUS, missing
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.adapter import AdapterDriver, AdapterStation, AdapterTable, Delivery

LOG = logging.getLogger("lineside.adapter")


class PrometheusTable(AdapterTable):
    """Counts, latencies and state for Prometheus, without a password and without TLS."""

    driver: Literal["prometheus"]
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0: every network, and whoever is in it may read",
    )
    port: int = Field(default=9925, ge=0, le=65535, description="TCP port; 0: any that is free")


class PrometheusAdapter:
    """Counts what the station publishes, and serves the counts."""

    def __init__(self, config: PrometheusTable, station: AdapterStation) -> None:
        try:
            from edge_agent.messaging.metrics import Metrics
            from edge_agent.messaging.scrape_server import ScrapeServer
        except ImportError as error:
            where = "station.toml: adapter"
            raise missing(PROMETHEUS, where) from error
        self._config = config
        self._metrics = Metrics(station)
        self._server = ScrapeServer(self._metrics.registry)

    @property
    def port(self) -> int:
        """The port that was really taken; 0 while closed."""
        return self._server.port

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Take the port; raises DeviceError where another program has it."""
        self._metrics.read_delivery(delivery)
        self._server.open(self._config.host, self._config.port)
        LOG.info("metrics are at http://%s:%d/metrics", self._config.host, self.port)

    def publish(self, message: Outbound) -> None:
        """Count a message."""
        self._metrics.publish(message)

    def close(self) -> None:
        """Give the port back."""
        self._server.close()


DRIVER = AdapterDriver(PrometheusTable, PrometheusAdapter)
