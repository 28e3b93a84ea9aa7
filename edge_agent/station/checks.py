"""Tests everything that station.toml names: bundles, sources, disk, broker."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.messaging.ballast import BALLAST_BYTES
from edge_agent.messaging.mqtt.probe import probe_broker
from edge_agent.station.check_channel import ITEMS, check_channel, failure, guarded
from edge_agent.station.config import StationConfig


def check_station(config: StationConfig, clock: Clock, items: int = ITEMS) -> Iterator[CheckResult]:
    """Every result, as it is found; `items` of each channel are judged."""
    for channel in config.channel:
        yield from check_channel(channel, config, clock, items=items)
    yield from check_gates(config)
    yield guarded("state folder", lambda: _check_disk(config))
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


def _check_disk(config: StationConfig) -> CheckResult:
    folder = config.station.state_dir
    probe = folder / ".check"
    started = time.perf_counter()
    write_atomic(probe, b"check")
    took_ms = (time.perf_counter() - started) * 1e3
    probe.unlink()
    disk = os.statvfs(folder)
    free_mb = disk.f_bavail * disk.f_frsize / (1 << 20)
    needed_mb = config.outbox.quota_mb + 2 * BALLAST_BYTES / (1 << 20)
    detail = f"{folder}: {free_mb:.0f} MB free, a durable write takes {took_ms:.1f} ms"
    if free_mb < needed_mb:
        cure = f"free {needed_mb - free_mb:.0f} MB, or lower outbox.quota_mb"
        return CheckResult("state folder", "FAIL", f"{detail}; {needed_mb:.0f} MB are needed", cure)
    return CheckResult("state folder", "OK", detail)
