"""Record a channel's own sensor for some seconds, for a baseline or to be measured."""

from __future__ import annotations

from edge_agent.capture.source import EndOfSource, Source
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, DeviceError, InputError
from edge_agent.contracts.core.suggestion import did_you_mean
from edge_agent.contracts.core.types import Reading, Recording, Unreadable
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.station.build import channel_source, trusted_bundle
from edge_agent.station.config import StationConfig, VibrationChannel

MOST_S = 60.0
"""Longest stretch: a baseline of more than a minute tempts to learn a fault as normal."""
GRACE_S = 10.0
"""How much longer than the stretch itself a sensor may take to give it."""


def find_channel(config: StationConfig, name: str | None) -> VibrationChannel:
    """The vibration channel of that name, or the only one; raises ConfigError."""
    channels = {c.name: c for c in config.channel if isinstance(c, VibrationChannel)}
    if name is None and len(channels) == 1:
        return next(iter(channels.values()))
    if name is None:
        raise ConfigError(
            f"the station has {len(channels)} vibration channels",
            where="--channel",
            cure=f"name one of {', '.join(channels)}" if channels else "add one to station.toml",
        )
    if name not in channels:
        raise ConfigError(f"no vibration channel {name!r}, {did_you_mean(name, channels)}")
    return channels[name]


def record_channel(
    channel: VibrationChannel, config: StationConfig, seconds: float, clock: Clock
) -> tuple[Bundle, list[Recording]]:
    """The channel's bundle, and readings of at least `seconds` (or all, where its source ends).

    Raises InputError for a reading that cannot be read, DeviceError for a sensor that gives too
    little in time.
    """
    if channel.bundle is None:
        raise ConfigError(
            "has no bundle whose features could be centred",
            where=f"channel {channel.name}",
            cure="name its `bundle`",
        )
    bundle = trusted_bundle(channel.bundle, config.trust)
    spec = bundle.manifest.spec
    source = channel_source(channel, spec, config, clock)
    if not isinstance(spec.input, VibrationInput):
        raise ConfigError(f"the bundle {spec.name} judges {spec.input.kind}", where=channel.name)
    readings = _readings(source, seconds, channel.name, clock)
    return bundle, _recordings(readings, channel.name, tuple(spec.input.axes), spec.input.unit)


def record_sensor(
    channel: VibrationChannel, config: StationConfig, seconds: float, clock: Clock
) -> list[Recording]:
    """The same from the sensor alone, before there is a bundle; axes by their number.

    Raises as record_channel does.
    """
    source = channel_source(channel, None, config, clock)
    readings = _readings(source, seconds, channel.name, clock)
    width = readings[0].signal.shape[1] if readings else 0
    named = channel.source.axis_names
    axes = named or tuple(str(axis) for axis in range(width))
    return _recordings(readings, channel.name, axes, channel.source.signal_unit)


def _recordings(
    readings: list[Reading], name: str, axes: tuple[str, ...], unit: str
) -> list[Recording]:
    return [
        Recording(r.signal, r.rate_hz, axes, unit, r.part_id or f"{name} {r.seq}", r.rpm)
        for r in readings
    ]


def _readings(source: Source, seconds: float, name: str, clock: Clock) -> list[Reading]:
    source.open()
    try:
        return _collect(source, seconds, name, clock)
    finally:
        source.close()


def _collect(source: Source, seconds: float, name: str, clock: Clock) -> list[Reading]:
    """Readings of at least `seconds`, or all where the source ends."""
    readings: list[Reading] = []
    recorded_s, until_ns = 0.0, clock.mono_ns() + round((seconds + GRACE_S) * 1e9)
    while recorded_s < seconds and clock.mono_ns() < until_ns:
        try:
            item = source.next(0.5)
        except EndOfSource:
            return readings
        if isinstance(item, Unreadable):
            raise InputError(item.reason, where=f"channel {name}", cure="try again")
        if isinstance(item, Reading):
            readings.append(item)
            recorded_s += len(item.signal) / item.rate_hz
    if recorded_s < seconds:
        raise DeviceError(
            f"{recorded_s:.1f} s came in {seconds + GRACE_S:.0f} s, {seconds:g} s were asked",
            where=f"channel {name}",
            cure="check the sensor with `lineside-agent check`",
        )
    return readings
