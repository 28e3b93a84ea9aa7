"""Commissioning of a channel: its own source is read until enough good parts were seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.capture.source import EndOfSource, Source
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, DeviceError, InputError
from edge_agent.contracts.core.types import Frame, Item, Judgement, Reading, Verdict
from edge_agent.decide.inspector import Inspector
from edge_agent.decide.memory import ChannelMemory
from edge_agent.health.commissioning import CameraLearner, ChannelCommissioning, SensorLearner
from edge_agent.station.build import (
    build_inspector,
    channel_source,
    physics_inspector,
    trusted_bundle,
)
from edge_agent.station.config import ImageChannel, StationConfig, VibrationChannel
from edge_agent.station.seen_with import seen_with

TAKE_S = 0.5
PATIENCE_S = 60.0
"""Longest wait for one item: a part may take its time, a dead source must not."""


@dataclass(frozen=True)
class Commissioned:
    """What a channel learned, and what its bundle said of the parts meanwhile.

    failed, unjudged: parts that the bundle failed or could not judge; no_scores: why it judged
    none at all, or empty.
    """

    learned: ChannelCommissioning
    failed: int
    unjudged: int
    no_scores: str = ""


def commission_channel(
    channel: ImageChannel | VibrationChannel,
    config: StationConfig,
    parts: int,
    *,
    clock: Clock,
    progress: Callable[[int], None] = lambda _: None,
) -> Commissioned:
    """Learn from `parts` good parts; progress: is told how many have come.

    Raises InputError where too few came or they differ in size, DeviceError for a dead source.
    """
    inspector, no_scores = _inspector(channel, config)
    source = channel_source(channel, None, config, clock)
    learner = CameraLearner() if isinstance(channel, ImageChannel) else SensorLearner()
    failed = unjudged = 0
    try:
        for item in _items(source, parts, channel.name, clock):
            judged = _judged(inspector, item)
            failed += judged is not None and judged.verdict == Verdict.FAIL
            unjudged += judged is None and inspector is not None
            _add(learner, item, judged)
            progress(learner.parts)
        learned = learner.learn(clock.utc_ns())
        learned = learned.model_copy(update={"seen_with": seen_with(channel)})
    except ValueError as error:
        cure = "let more good parts pass, all of one kind"
        raise InputError(str(error), where=f"channel {channel.name}", cure=cure) from error
    return Commissioned(learned, failed, unjudged, no_scores)


def _inspector(
    channel: ImageChannel | VibrationChannel, config: StationConfig
) -> tuple[Inspector | None, str]:
    """What scores the parts; None, and why, where the bundle is not there yet."""
    from edge_agent.infer.bundle_inspector import load_inspector

    memory = ChannelMemory()
    if isinstance(channel, VibrationChannel) and channel.bundle is None:
        return physics_inspector(channel, memory), ""
    try:
        bundle = trusted_bundle(channel.bundle or Path(), config.trust)
    except BundleError as error:
        return None, str(error)
    network = load_inspector(bundle, runtime=channel.runtime, threads=channel.threads)
    return build_inspector(channel, network, memory), ""


def _items(source: Source, parts: int, name: str, clock: Clock) -> Iterator[Frame | Reading]:
    """At most `parts` items that could be read."""
    source.open()
    try:
        given, last_ns = 0, clock.mono_ns()
        while given < parts:
            try:
                item = source.next(TAKE_S)
            except EndOfSource:
                return
            if isinstance(item, Frame | Reading):
                given, last_ns = given + 1, clock.mono_ns()
                yield item
            elif clock.mono_ns() - last_ns > PATIENCE_S * 1e9:
                raise DeviceError(
                    f"nothing that can be read came in {PATIENCE_S:.0f} s",
                    where=f"channel {name}",
                    cure="look at the source with `lineside-agent check`, and let parts pass",
                )
    finally:
        source.close()


def _judged(inspector: Inspector | None, item: Item) -> Judgement | None:
    try:
        return inspector.inspect(item) if inspector is not None else None
    except InputError:
        return None


def _add(learner: CameraLearner | SensorLearner, item: Item, judged: Judgement | None) -> None:
    score = None if judged is None else judged.score
    if isinstance(learner, CameraLearner) and isinstance(item, Frame):
        learner.add(item.image, score)
    elif isinstance(learner, SensorLearner) and isinstance(item, Reading):
        learner.add(item, score)
