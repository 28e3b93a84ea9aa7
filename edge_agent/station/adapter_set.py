"""The adapters of station.toml: whatever becomes of one, the station goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.own_version import own_version
from edge_agent.decide.causes import cause
from edge_agent.messaging.adapter import Adapter, AdapterStation, Delivery, build_adapter
from edge_agent.station.config import StationConfig

LOG = logging.getLogger("lineside.adapter")


class AdapterSet:
    """All adapters, closed; raises DeviceError where a library of one is not installed."""

    def __init__(self, config: StationConfig, clock: Clock) -> None:
        station = AdapterStation(
            config.station.id,
            own_version(),
            config.mqtt,
            cause,
            config.station.state_dir,
            clock,
        )
        self.by_driver: dict[str, Adapter] = {
            table.driver: build_adapter(table, station) for table in config.adapter
        }

    def open(self, delivery: Callable[[], Delivery]) -> None:
        """Begin; an adapter that cannot is logged: parts are judged without it."""
        for name, adapter in self.by_driver.items():
            try:
                adapter.open(delivery)
            except DeviceError as error:
                LOG.error("no adapter %s: %s", name, error)  # noqa: TRY400

    def close(self) -> None:
        """End them all; closing twice is fine."""
        for adapter in self.by_driver.values():
            adapter.close()
