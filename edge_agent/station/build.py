"""From station.toml to ready channels: bundle trusted and proven on this machine, source built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.capture.drivers import build_source
from edge_agent.capture.queue import ItemQueue, build_queue
from edge_agent.capture.shaft_speed import with_speed
from edge_agent.capture.source import Source
from edge_agent.capture.view import viewed
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.model.alarm_rule import AlarmRuleSpec
from edge_agent.contracts.model.bundle import Bundle, SealedBundle, read_bundle
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.wire.kinds.state import RuntimeInUse
from edge_agent.decide.alarm_history import AlarmRule
from edge_agent.decide.bearings import BEARINGS
from edge_agent.decide.channel_judge import ChannelJudge
from edge_agent.decide.image import ImageInspector
from edge_agent.decide.inspector import Inspector
from edge_agent.decide.memory import ChannelMemory
from edge_agent.decide.physics import TITLE, PhysicsInspector
from edge_agent.decide.process import ProcessInspector
from edge_agent.decide.station_threshold import StationThresholds
from edge_agent.decide.vibration import VibrationInspector, read_baseline
from edge_agent.decide.watched import WatchedInspector
from edge_agent.health.commissioning import read_commissioning
from edge_agent.health.frame import FrameHealth, usual_levels
from edge_agent.health.golden import golden_pictures
from edge_agent.health.watch import build_watch
from edge_agent.infer.aside import Aside
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.measured_choice import FILE, MeasuredChoice, load_fastest
from edge_agent.infer.runtime_choice import cpu_runtime
from edge_agent.infer.trial import TRIALS
from edge_agent.station.config import (
    Channel,
    ImageChannel,
    ProcessChannel,
    StationConfig,
    VibrationChannel,
)
from edge_agent.station.runtime_in_use import runtime_in_use
from edge_agent.station.seen_with import refuse_other_camera, warn_of_earlier_version
from edge_agent.update.config import TrustTable

ASIDE = Aside()
"""Of this process: looks at the frames of all channels while their networks are at work."""


@dataclass(frozen=True)
class LoadedBundle:
    """A bundle proven on this machine, ready to judge one channel; `file`: its links followed.

    network: None for a channel that physics alone judges.
    """

    file: Path
    title: str
    judge: ChannelJudge
    network: BundleInspector | None

    @property
    def spec(self) -> ModelSpec | None:
        """What the model takes; None where there is none."""
        return None if self.network is None else self.network.spec

    @property
    def runtime(self) -> RuntimeInUse | None:
        """What runs the network now; None where there is none."""
        return None if self.network is None else runtime_in_use(self.network)

    def close(self) -> None:
        """Give the model's memory back; a second call does nothing."""
        if self.network is not None:
            self.network.close()


@dataclass
class ArmedChannel:
    """One channel, its feed not started yet; only its own thread puts in another bundle.

    memory: what it knows of the items before, whatever the bundle.
    """

    name: str
    feed: ItemQueue
    bundle: LoadedBundle
    memory: ChannelMemory


def arm_channel(
    channel: Channel, config: StationConfig, clock: Clock, memory: ChannelMemory | None = None
) -> ArmedChannel:
    """Check and load the channel's bundle and build its source.

    memory: of earlier runs. Raises BundleError (with SignatureError and ParityError) or
    ConfigError; nothing is opened.
    """
    memory = memory or ChannelMemory()
    loaded = load_bundle(channel, config, clock, memory)
    source = channel_source(channel, loaded.spec, config, clock)
    feed = build_queue(source, name=channel.name, size=channel.queue, clock=clock)
    return ArmedChannel(channel.name, feed, loaded, memory)


def load_bundle(
    channel: Channel, config: StationConfig, clock: Clock, memory: ChannelMemory
) -> LoadedBundle:
    """Check the channel's bundle, load it, and prove it by its parity vectors.

    Raises as arm_channel does.
    """
    if channel.bundle is None:
        inspector = watched(physics_inspector(channel, memory), channel, config, memory)
        return LoadedBundle(Path(), TITLE, _judge(channel, inspector, TITLE, config, clock), None)
    file = bundle_file(channel.bundle).resolve()
    bundle = trusted_bundle(file, config.trust)
    refuse_other_kind(channel, bundle.manifest.spec)
    network = load_fastest(
        bundle,
        MeasuredChoice(config.station.state_dir / FILE),
        runtime=channel.runtime,
        threads=channel.threads,
        trials=TRIALS,
    )
    if isinstance(channel, ImageChannel):
        thresholds = StationThresholds(config.station.state_dir)
        own = network.spec.scoring
        network.scoring = thresholds.scoring_for(channel.name, bundle.title, own)
    inspector = build_inspector(channel, network, memory, golden_pictures(bundle))
    inspector = watched(inspector, channel, config, memory)
    judge = _judge(channel, inspector, bundle.title, config, clock)
    return LoadedBundle(file, bundle.title, judge, network)


def different_bundles(config: StationConfig) -> int:
    """How many bundles channels and recipes name, each in its runtime."""
    named = {
        (path, channel.runtime, channel.threads)
        for channel in config.channel
        for path in (channel.bundle, *(one.bundle.get(channel.name) for one in config.recipe))
        if path is not None
    }
    return len(named)


def load_recipe(
    config: StationConfig, clock: Clock, armed: ArmedChannel, path: Path
) -> LoadedBundle:
    """Another bundle of an armed channel; raises as load_bundle does."""
    table = _table_of(armed, config)
    return load_bundle(table.model_copy(update={"bundle": path}), config, clock, armed.memory)


def load_on_cpu(config: StationConfig, clock: Clock, armed: ArmedChannel) -> LoadedBundle:
    """The bundle that an armed channel judges by once more, without its accelerator.

    Raises as load_bundle does.
    """
    table = _table_of(armed, config)
    file = None if armed.bundle.network is None else armed.bundle.file
    table = table.model_copy(update={"bundle": file, "runtime": cpu_runtime()})
    return load_bundle(table, config, clock, armed.memory)


def _table_of(armed: ArmedChannel, config: StationConfig) -> Channel:
    return next(one for one in config.channel if one.name == armed.name)


def watched(
    inspector: Inspector, channel: Channel, config: StationConfig, memory: ChannelMemory
) -> Inspector:
    """The inspector with what commissioning learned of its channel, where it learned anything.

    The watch outlives the bundle. Raises ConfigError for what another kind of channel, or another
    camera or view, learned.
    """
    path = config.station.commissioning
    learned = read_commissioning(path).channels.get(channel.name)
    if learned is None:
        return inspector
    if learned.kind != channel.kind:
        raise ConfigError(
            f"channel {channel.name} is {channel.kind}, commissioned was {learned.kind}",
            where=str(path),
            cure="run `lineside-agent commission` again",
        )
    refuse_other_camera(learned, channel, path)
    if memory.watch is None:
        memory.watch = build_watch(learned)
        warn_of_earlier_version(learned, channel.name)
    return WatchedInspector(inspector, memory.watch)


def trusted_bundle(path: Path, trust: TrustTable) -> Bundle:
    """Read a bundle and check its signature, unless unsigned ones are allowed."""

    def check(sealed: SealedBundle) -> None:
        if trust.allow_unsigned and (sealed.signature is None or trust.trusted is None):
            return
        if trust.trusted is None:
            raise ConfigError(
                "no trusted root is named",
                where="station.toml: trust",
                cure="set trust.root or trust.folder (or allow_unsigned = true on a test bench)",
            )
        from edge_agent.update.signature import verify_bundle

        verify_bundle(sealed, trust.trusted)

    return read_bundle(bundle_file(path), check)


def bundle_file(path: Path) -> Path:
    """The .bundle file itself, or the current one of a slot folder DIR/bundles/NAME."""
    if not path.is_dir():
        return path
    current = path / "current" / f"{path.name}.bundle"
    if not current.is_file():
        raise BundleError(
            "no bundle is installed there",
            where=str(path),
            cure="push one with `lineside-deploy push`, or correct `bundle`",
        )
    return current


def channel_source(
    channel: Channel, spec: ModelSpec | None, config: StationConfig, clock: Clock
) -> Source:
    """The closed source of a channel; raises ConfigError where bundle and channel do not match."""
    if spec is not None:
        refuse_other_kind(channel, spec)
    taken = None if spec is None else spec.input
    table = channel.source.fitted_to(taken, channel=channel.name, broker=config.mqtt)
    return completed(
        build_source(channel.kind, table, name=channel.name, clock=clock), channel, config, clock
    )


def completed(source: Source, channel: Channel, config: StationConfig, clock: Clock) -> Source:
    """The channel's source with what stands beside it in its table: a view, the shaft's speed."""
    if isinstance(channel, ImageChannel):
        return viewed(source, channel.view)
    if not isinstance(channel, VibrationChannel):
        return source
    return with_speed(source, channel.speed, channel=channel.name, clock=clock, broker=config.mqtt)


def refuse_other_kind(channel: Channel, spec: ModelSpec) -> None:
    """Raises ConfigError where an image bundle is to judge vibration, or the like."""
    if spec.input.kind != channel.kind:
        raise ConfigError(
            f"the bundle {spec.name} judges {spec.input.kind}, the channel is {channel.kind}",
            where=f"station.toml: channel {channel.name}",
            cure="correct `kind` or `bundle`",
        )


def build_inspector(
    channel: Channel, network: BundleInspector, memory: ChannelMemory, golden: Sequence[Image] = ()
) -> Inspector:
    """The inspector of a channel with a bundle; the kind of the channel chooses it.

    golden: pictures that show what is usual for the line.
    """
    if isinstance(channel, ImageChannel):
        limits = channel.health
        if channel.source.repeats:
            limits = limits.model_copy(update={"frozen_frames": 0})
        health = FrameHealth(limits, memory.frames, usual_levels(golden))
        return ImageInspector(network, health, ASIDE)
    rule = channel.persistence or network.spec.scoring.persistence
    alarm = AlarmRule(rule, memory.alarms)
    if isinstance(channel, ProcessChannel):
        return ProcessInspector(network, alarm=alarm)
    baseline = read_baseline(channel.baseline, network.spec) if channel.baseline else None
    return VibrationInspector(
        network,
        alarm=alarm,
        baseline=baseline,
        group=channel.machine_group,
        bearing=BEARINGS.get(channel.bearing),
        history=None if channel.source.repeats else memory.readings,
        command=f"lineside-agent baseline --config station.toml --channel {channel.name}",
    )


def physics_inspector(channel: VibrationChannel, memory: ChannelMemory) -> PhysicsInspector:
    """The inspector of a channel without a bundle: the zones of ISO 20816-3."""
    return PhysicsInspector(
        channel.machine_group,
        alarm=AlarmRule(channel.persistence or AlarmRuleSpec(), memory.alarms),
        alarm_zone=channel.alarm_zone,
        bearing=BEARINGS.get(channel.bearing),
        signal=(channel.source.axis_names, channel.source.signal_unit),
        history=None if channel.source.repeats else memory.readings,
    )


def _judge(
    channel: Channel, inspector: Inspector, title: str, config: StationConfig, clock: Clock
) -> ChannelJudge:
    return ChannelJudge(
        inspector,
        channel=channel.name,
        bundle=title,
        deadline_ms=config.line.deadline_ms,
        clock=clock,
    )
