"""Tests everything that station.toml names: bundles, sources, disk, broker."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.broker.secrets import check_secret
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.health.board.storage import check_space
from edge_agent.messaging.mqtt.probe import probe_broker
from edge_agent.settings.toml import secret_paths
from edge_agent.station.board_needs import state_folder
from edge_agent.station.check_channel import ITEMS, check_channel, failure, guarded
from edge_agent.station.config import StationConfig


def check_station(config: StationConfig, clock: Clock, items: int = ITEMS) -> Iterator[CheckResult]:
    """Every result, as it is found; `items` of each channel are judged."""
    for channel in config.channel:
        yield from check_channel(channel, config, clock, items=items)
    yield from check_gates(config)
    yield guarded("state folder", lambda: check_space(state_folder(config)))
    of_the_broker = set(secret_paths(config.mqtt))  # told with the broker
    for path in secret_paths(config):
        if path not in of_the_broker:
            yield from check_secret("secrets", path)
    if config.mqtt is None:
        detail = "no [mqtt]: verdicts are shown, not sent"
        yield CheckResult("broker", "WARN", detail, "add [mqtt] to station.toml")
        return
    try:
        yield from probe_broker(
            config.mqtt, config.station.id, config.mqtt.client_id_of(config.station.id)
        )
    except LinesideError as error:
        yield failure("broker", error)


def check_gates(config: StationConfig) -> Iterator[CheckResult]:
    """Whether a verdict comes before its part is at each gate that counts the time."""
    for name, table in config.output_names.items():
        gate = table.gate
        if gate is None or gate.delay_ms is None:
            continue
        before_ms = gate.delay_ms - gate.lead_ms
        detail = f"told {before_ms:g} ms after the trigger, a verdict comes within "
        detail += f"{config.line.deadline_ms:g} ms"
        if config.line.deadline_ms < before_ms:
            yield CheckResult(f"output {name}", "OK", detail)
            continue
        cure = "lower line.deadline_ms: a part that is not decided in time takes the safe state"
        yield CheckResult(f"output {name}", "WARN", detail, cure)
