"""Tests everything that station.toml names: bundles, sources, disk, broker."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge_agent.capture.source import EndOfSource, Source
from edge_agent.contracts.core.check_result import Finding
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.types import Frame, Item, ProcessRow, Reading, Unreadable
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.process.input import TabularInput, prepare_rows
from edge_agent.contracts.process.tables import table_of_rows
from edge_agent.decide.vibration import read_baseline
from edge_agent.infer.inspector import load_inspector
from edge_agent.report.ballast import BALLAST_BYTES
from edge_agent.report.mqtt.probe import probe_broker
from edge_agent.station.build import channel_source, trusted_bundle
from edge_agent.station.config import Channel, StationConfig, VibrationChannel

SOURCE_S = 10.0
"""Longest wait for the first item of a source."""


def check_station(config: StationConfig, clock: Clock) -> Iterator[Finding]:
    """Every finding, as it is found."""
    for channel in config.channel:
        yield from _check_channel(channel, config, clock)
    yield _guarded("state folder", lambda: _check_disk(config))
    if config.mqtt is None:
        detail = "no [mqtt]: verdicts are shown, not sent"
        yield Finding("broker", "WARN", detail, "add [mqtt] to station.toml")
        return
    try:
        yield from probe_broker(
            config.mqtt, config.station.id, config.mqtt.client_id_of(config.station.id)
        )
    except LinesideError as error:
        yield _failure("broker", error)


def _check_channel(channel: Channel, config: StationConfig, clock: Clock) -> Iterator[Finding]:
    name = f"channel {channel.name}"
    if channel.bundle is None:
        yield Finding(f"{name}: bundle", "OK", "none: the zones of ISO 20816-3 judge")
        yield _guarded(f"{name}: source", lambda: _check_source(channel, None, config, clock))
        return
    try:
        bundle = trusted_bundle(channel.bundle, config.trust)
        signed = "signed" if bundle.signature else "UNSIGNED"
        grade: Finding = Finding(f"{name}: bundle", "OK", f"{bundle.title}, {signed}")
        if bundle.signature is None:
            cure = "lineside-deploy sign, and trust.allow_unsigned = false"
            grade = Finding(f"{name}: bundle", "WARN", f"{bundle.title}, {signed}", cure)
        yield grade
    except LinesideError as error:
        yield _failure(f"{name}: bundle", error)
        return
    yield _guarded(f"{name}: network", lambda: _check_network(channel, bundle))
    if isinstance(channel, VibrationChannel) and channel.baseline is not None:
        yield _guarded(f"{name}: baseline", lambda: _check_baseline(channel, bundle))
    yield _guarded(f"{name}: source", lambda: _check_source(channel, bundle, config, clock))


def _check_network(channel: Channel, bundle: Bundle) -> Finding:
    inspector = load_inspector(bundle, runtime=channel.runtime, threads=channel.threads)
    runtime, parity = inspector.runtime, inspector.parity
    inspector.close()
    vectors = "" if parity is None else f"{parity.n} parity vectors hold"
    worst = "" if parity is None else f", {parity.worst_quanta} quanta apart at most"
    detail = f"{runtime.name} {runtime.version}: {vectors}{worst}"
    return Finding(f"channel {channel.name}: network", "OK", detail)


def _check_baseline(channel: VibrationChannel, bundle: Bundle) -> Finding:
    path = channel.baseline or Path()
    found = read_baseline(path, bundle.manifest.spec)
    detail = f"{path}: {found.windows} windows, threshold {found.threshold:g}"
    return Finding(f"channel {channel.name}: baseline", "OK", detail)


def _check_source(
    channel: Channel, bundle: Bundle | None, config: StationConfig, clock: Clock
) -> Finding:
    spec = None if bundle is None else bundle.manifest.spec
    source = channel_source(channel, spec, config, clock)
    source.open()
    try:
        item = _first(source)
    finally:
        source.close()
    name = f"channel {channel.name}: source"
    if isinstance(item, Frame):
        height, width = item.image.shape[:2]
        return Finding(name, "OK", f"{channel.source.driver} gives {width}x{height}")
    if isinstance(item, Reading):
        samples, axes = item.signal.shape
        detail = f"{channel.source.driver} gives {samples} samples, {axes} axes"
        return Finding(name, "OK", f"{detail}, {item.rate_hz:g} Hz")
    if isinstance(item, ProcessRow) and bundle is not None:
        return _check_row(name, item, channel, bundle)
    if item is None:
        detail = f"nothing came within {SOURCE_S:g} s"
        return Finding(name, "WARN", detail, "trigger the sensor, or check its cable")
    reason = item.reason if isinstance(item, Unreadable) else "gives rows without a model"
    return Finding(name, "FAIL", reason, "check what the source reads")


def _check_row(name: str, row: ProcessRow, channel: Channel, bundle: Bundle) -> Finding:
    """Whether the model finds its tags in a row, in units that it can convert."""
    spec = bundle.manifest.spec.input
    if not isinstance(spec, TabularInput):
        return Finding(name, "FAIL", f"the bundle judges {spec.kind}", "correct `bundle`")
    prepared = prepare_rows(table_of_rows([row.tags]), spec)
    detail = f"{channel.source.driver} gives {len(row.tags)} tags, the model takes {len(spec.tags)}"
    if prepared.refused[0]:
        return Finding(name, "WARN", f"{detail}: {prepared.refused[0]}", "look at that sensor")
    return Finding(name, "OK", detail)


def _first(source: Source) -> Item | None:
    until = time.monotonic() + SOURCE_S
    while time.monotonic() < until:
        try:
            item = source.next(0.5)
        except EndOfSource:
            return None
        if item is not None:
            return item
    return None


def _check_disk(config: StationConfig) -> Finding:
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
        return Finding("state folder", "FAIL", f"{detail}; {needed_mb:.0f} MB are needed", cure)
    return Finding("state folder", "OK", detail)


def _guarded(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except LinesideError as error:
        return _failure(what, error)


def _failure(what: str, error: LinesideError) -> Finding:
    detail = f"{error.where}: {error.what}" if error.where else error.what
    return Finding(what, "FAIL", detail, error.cure, error.exit_code)
