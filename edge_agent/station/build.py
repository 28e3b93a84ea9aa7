"""From station.toml to ready channels: bundle trusted and proven on this machine, source built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.capture.queue import ItemQueue, build_queue
from edge_agent.capture.registry import build_source
from edge_agent.capture.source import Source
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, ConfigError
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.decide.bearings import BEARINGS
from edge_agent.decide.channel_judge import ChannelJudge
from edge_agent.decide.physics import TITLE, PhysicsInspector
from edge_agent.decide.process import ProcessInspector
from edge_agent.decide.vibration import MachineInspector, read_baseline
from edge_agent.health.frame import FrameHealth
from edge_agent.infer.inspector import Inspector, load_inspector
from edge_agent.station.config import (
    Channel,
    ImageChannel,
    ProcessChannel,
    StationConfig,
    VibrationChannel,
)
from edge_agent.update.config import TrustTable


@dataclass(frozen=True)
class ArmedBundle:
    """A bundle proven on this machine, ready to judge one channel; `file`: its links followed.

    inspector: None for a channel that physics alone judges.
    """

    file: Path
    title: str
    judge: ChannelJudge
    inspector: Inspector | None

    @property
    def spec(self) -> ModelSpec | None:
        """What the model takes; None where there is none."""
        return None if self.inspector is None else self.inspector.spec

    def close(self) -> None:
        """Give the model's memory back; a second call does nothing."""
        if self.inspector is not None:
            self.inspector.close()


@dataclass
class ArmedChannel:
    """One channel, its feed not started yet; only its own thread puts in another bundle."""

    name: str
    feed: ItemQueue
    bundle: ArmedBundle


def arm_channel(channel: Channel, config: StationConfig, clock: Clock) -> ArmedChannel:
    """Check and load the channel's bundle and build its source.

    Raises BundleError (with SignatureError and ParityError) or ConfigError; nothing is opened.
    """
    armed = arm_bundle(channel, config, clock)
    source = channel_source(channel, armed.spec, config, clock)
    feed = build_queue(source, name=channel.name, size=channel.queue, clock=clock)
    return ArmedChannel(channel.name, feed, armed)


def arm_bundle(channel: Channel, config: StationConfig, clock: Clock) -> ArmedBundle:
    """Check the channel's bundle, load it, and prove it by its parity vectors.

    Raises as arm_channel does.
    """
    if channel.bundle is None:
        return _physics(channel, config, clock)
    file = bundle_file(channel.bundle).resolve()
    bundle = trusted_bundle(file, config.trust)
    refuse_other_kind(channel, bundle.manifest.spec)
    inspector = load_inspector(bundle, runtime=channel.runtime, threads=channel.threads)
    judge = channel_judge(channel, inspector, bundle.title, config, clock)
    return ArmedBundle(file, bundle.title, judge, inspector)


def trusted_bundle(path: Path, trust: TrustTable) -> Bundle:
    """Read a bundle and check its signature, unless unsigned ones are allowed."""
    bundle = read_bundle(bundle_file(path))
    if trust.allow_unsigned and (bundle.signature is None or trust.keys is None):
        return bundle
    if trust.keys is None:
        raise ConfigError(
            "no trusted keys are named",
            where="station.toml: trust",
            cure="set trust.root or trust.keys_dir (or allow_unsigned = true on a test bench)",
        )
    from edge_agent.update.signature import verify_bundle

    verify_bundle(bundle, trust.keys)
    return bundle


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
    return build_source(channel.kind, table, name=channel.name, clock=clock)


def refuse_other_kind(channel: Channel, spec: ModelSpec) -> None:
    """Raises ConfigError where an image bundle is to judge vibration, or the like."""
    if spec.input.kind != channel.kind:
        raise ConfigError(
            f"the bundle {spec.name} judges {spec.input.kind}, the channel is {channel.kind}",
            where=f"station.toml: channel {channel.name}",
            cure="correct `kind` or `bundle`",
        )


def channel_judge(
    channel: Channel, inspector: Inspector, title: str, config: StationConfig, clock: Clock
) -> ChannelJudge:
    """The judge of a channel."""
    taken = inspector.spec.input
    return ChannelJudge(
        machine_inspector(channel, inspector)
        if isinstance(channel, VibrationChannel)
        else inspector,
        channel=channel.name,
        bundle=title,
        deadline_ms=config.line.deadline_ms,
        clock=clock,
        health=FrameHealth(channel.health) if isinstance(channel, ImageChannel) else None,
        axes=tuple(taken.axes) if isinstance(taken, VibrationInput) else (),
        unit=taken.unit if isinstance(taken, VibrationInput) else "g",
        rows=ProcessInspector(inspector, persistence=channel.persistence)
        if isinstance(channel, ProcessChannel)
        else None,
    )


def _physics(channel: VibrationChannel, config: StationConfig, clock: Clock) -> ArmedBundle:
    """A channel without a bundle: the zones of ISO 20816-3."""
    judge = ChannelJudge(
        PhysicsInspector(
            channel.machine_group,
            alarm_zone=channel.alarm_zone,
            bearing=BEARINGS.get(channel.bearing),
            persistence=channel.persistence,
        ),
        channel=channel.name,
        bundle=TITLE,
        deadline_ms=config.line.deadline_ms,
        clock=clock,
        axes=channel.source.axis_names,
        unit=channel.source.signal_unit,
    )
    return ArmedBundle(Path(), TITLE, judge, None)


def machine_inspector(channel: VibrationChannel, inspector: Inspector) -> MachineInspector:
    """The machine's own baseline, persistence and physics around its bundle."""
    baseline = read_baseline(channel.baseline, inspector.spec) if channel.baseline else None
    return MachineInspector(
        inspector,
        baseline=baseline,
        persistence=channel.persistence,
        group=channel.machine_group,
        bearing=BEARINGS.get(channel.bearing),
    )
