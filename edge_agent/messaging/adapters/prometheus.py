"""Metrics for Prometheus: it fetches them from http://HOST:PORT/metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.extras import PROMETHEUS, Library, missing
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.fieldbus.http_server import HttpServerThread
from edge_agent.messaging.adapter import AdapterDriver, AdapterStation, AdapterTable, Delivery

LOG = logging.getLogger("lineside.adapter")

WHERE = "station.toml: adapter"
MOST_CLIENTS = 4


class PrometheusTable(AdapterTable):
    """Counts, latencies and state for Prometheus, without a password and without TLS."""

    driver: Literal["prometheus"]
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0: every network, and whoever is in it may read",
    )
    port: int = Field(default=9925, ge=0, le=65535, description="TCP port; 0: any that is free")

    @property
    def libraries(self) -> tuple[Library, ...]:
        """The package that counts and writes the metrics."""
        return (PROMETHEUS,)

    @property
    def listens_on(self) -> tuple[int, ...]:
        """The TCP port that it opens on this station."""
        return (self.port,) if self.port else ()


class PrometheusAdapter:
    """Counts what the station publishes, and serves the counts."""

    def __init__(self, config: PrometheusTable, station: AdapterStation) -> None:
        try:
            from prometheus_client import MetricsHandler

            from edge_agent.messaging.metrics import Metrics
        except ImportError as error:
            raise missing(PROMETHEUS, WHERE) from error
        self._config = config
        self._metrics = Metrics(station)
        handler = MetricsHandler.factory(self._metrics.registry)
        self._server = HttpServerThread(
            handler, name="metrics", where=WHERE, most_clients=MOST_CLIENTS
        )

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
