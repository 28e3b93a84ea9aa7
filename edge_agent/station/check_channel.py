"""Tests one channel as it will run: bundle, network, baseline, source, and the first items."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from edge_agent.capture.queue import ItemQueue
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.types import Frame, Item, ProcessRow, Reading, Unreadable, Verdict
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.process.input import TabularInput, prepare_rows
from edge_agent.contracts.process.tables import table_of_rows
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.station_threshold import StationThresholds, is_looser
from edge_agent.decide.vibration import read_baseline
from edge_agent.infer.measured_choice import FILE, MeasuredChoice, load_fastest
from edge_agent.infer.timed import words
from edge_agent.infer.trial import Trials
from edge_agent.station.build import arm_channel, trusted_bundle
from edge_agent.station.config import Channel, ImageChannel, StationConfig, VibrationChannel

ITEMS = 20
"""Items of a channel that are judged: a fault may show only from the second one on."""
SOURCE_S = 10.0
"""Longest wait for the items of a source."""


def check_channel(
    channel: Channel,
    config: StationConfig,
    clock: Clock,
    *,
    items: int = ITEMS,
    source_s: float = SOURCE_S,
) -> Iterator[CheckResult]:
    """Every result, as it is found; stops at a bundle that must not be loaded."""
    name = f"channel {channel.name}"
    bundle = None
    if channel.bundle is None:
        yield CheckResult(f"{name}: bundle", "OK", "none: the zones of ISO 20816-3 judge")
    else:
        try:
            bundle = trusted_bundle(channel.bundle, config.trust)
        except LinesideError as error:
            yield failure(f"{name}: bundle", error)
            return
        yield _signature(name, bundle)
        choice = MeasuredChoice(config.station.state_dir / FILE)
        yield guarded(f"{name}: network", lambda: _network(channel, bundle, choice))
        if isinstance(channel, VibrationChannel) and channel.baseline is not None:
            yield guarded(f"{name}: baseline", lambda: _baseline(channel, bundle))
        if isinstance(channel, ImageChannel):
            yield from _threshold(channel, bundle, config)
    try:
        yield from _run(channel, bundle, config, clock, items, source_s)
    except LinesideError as error:
        yield failure(f"{name}: source", error)


def guarded(what: str, look: Callable[[], CheckResult]) -> CheckResult:
    """The result of `look`, or its error as one."""
    try:
        return look()
    except LinesideError as error:
        return failure(what, error)


def failure(what: str, error: LinesideError) -> CheckResult:
    """An error as a result."""
    detail = f"{error.where}: {error.what}" if error.where else error.what
    return CheckResult(what, "FAIL", detail, error.cure, error.exit_code)


def judged_result(name: str, verdicts: list[ChannelVerdict], dropped: int) -> CheckResult:
    """What came of the items: no verdict at all is a failure, none for a late one a warning."""
    counts = Counter(str(one.verdict) for one in verdicts)
    detail = f"{len(verdicts)} items judged: " + ", ".join(
        f"{counts[verdict]} {verdict}" for verdict in Verdict
    )
    if dropped:
        detail += f"; {dropped} dropped, the source is faster than the line"
    unjudged = [one.reason for one in verdicts if one.verdict == Verdict.NO_VERDICT]
    if unjudged:
        # Reasons that differ in their numbers only are one reason.
        kinds = Counter(re.sub(r"[0-9.]+", "", reason) for reason in unjudged)
        kind, count = kinds.most_common(1)[0]
        example = next(r for r in unjudged if re.sub(r"[0-9.]+", "", r) == kind)
        detail += f"; {count} times: {example}"
    # A model that looks back has no verdict for its first items, which is no fault.
    later = [one.verdict == Verdict.NO_VERDICT for one in verdicts[len(verdicts) // 2 :]]
    if all(later):
        return CheckResult(name, "FAIL", detail, "mend that first: no part would be judged")
    if dropped or any(later):
        return CheckResult(name, "WARN", detail, "these parts take the station's safe action")
    if counts["FAIL"] == len(verdicts) > 1:
        return CheckResult(name, "WARN", detail, "every item fails: is it the right bundle?")
    return CheckResult(name, "OK", detail)


def _signature(name: str, bundle: Bundle) -> CheckResult:
    if bundle.signature is not None:
        return CheckResult(f"{name}: bundle", "OK", f"{bundle.title}, signed")
    cure = "lineside-deploy release, and trust.allow_unsigned = false"
    return CheckResult(f"{name}: bundle", "WARN", f"{bundle.title}, UNSIGNED", cure)


def _network(channel: Channel, bundle: Bundle, choice: MeasuredChoice) -> CheckResult:
    inspector = load_fastest(
        bundle, choice, runtime=channel.runtime, threads=channel.threads, trials=Trials()
    )
    runtime, parity, measured = inspector.runtime, inspector.parity, words(inspector.measured)
    inspector.close()
    vectors = "" if parity is None else f"{parity.n} parity vectors hold"
    worst = "" if parity is None else f", {parity.worst_quanta} quanta apart at most"
    detail = f"{runtime.name} {runtime.version}: {vectors}{worst}"
    detail += f"; measured: {measured}" if measured else ""
    return CheckResult(f"channel {channel.name}: network", "OK", detail)


def _baseline(channel: VibrationChannel, bundle: Bundle) -> CheckResult:
    path = channel.baseline or Path()
    baseline = read_baseline(path, bundle.manifest.spec)
    detail = f"{path}: {baseline.windows} windows, threshold {baseline.threshold:g}"
    return CheckResult(f"channel {channel.name}: baseline", "OK", detail)


def _threshold(channel: Channel, bundle: Bundle, config: StationConfig) -> Iterator[CheckResult]:
    """The threshold that somebody set in the place of the bundle's own, where there is one."""
    name, own = f"channel {channel.name}: threshold", bundle.manifest.spec.scoring
    kept = StationThresholds(config.station.state_dir)
    try:
        scoring = kept.scoring_for(channel.name, bundle.title, own)
    except LinesideError as error:
        yield failure(name, error)
        return
    if scoring is own:
        return
    detail = f"{scoring.threshold:g}, {scoring.chosen_by}; the bundle's own is {own.threshold:g}"
    looser = is_looser(own, scoring.threshold)
    cure = "parts pass that the bundle, as it was proven, rejects: train again" if looser else ""
    yield CheckResult(name, "WARN" if looser else "OK", detail, cure)


def _run(
    channel: Channel,
    bundle: Bundle | None,
    config: StationConfig,
    clock: Clock,
    items: int,
    source_s: float,
) -> Iterator[CheckResult]:
    """The channel at work, as in the station, for its first items."""
    armed = arm_channel(channel, config, clock)
    try:
        armed.feed.start()
        taken, verdicts = 0, []
        for item in _items(armed.feed, clock, source_s):
            if not taken:
                look = partial(_source, item, channel, bundle)
                yield guarded(f"channel {channel.name}: source", look)
            taken += 1
            verdicts.append(armed.bundle.judge.judge(item))
            if taken >= items:
                break
        dropped = armed.feed.dropped
    finally:
        armed.feed.stop()
        armed.feed.close()
        armed.bundle.close()
    if not taken:
        detail = f"nothing came within {source_s:g} s"
        cure = "trigger the sensor, or check its cable"
        yield CheckResult(f"channel {channel.name}: source", "WARN", detail, cure)
    else:
        yield judged_result(f"channel {channel.name}: items", verdicts, dropped)


def _items(feed: ItemQueue, clock: Clock, limit_s: float) -> Iterator[Item]:
    until_ns = clock.mono_ns() + round(limit_s * 1e9)
    while clock.mono_ns() < until_ns:
        try:
            item = feed.take(0.5)
        except EndOfSource:
            return
        if item is not None:
            yield item


def _source(item: Item, channel: Channel, bundle: Bundle | None) -> CheckResult:
    """The first item in words."""
    name, driver = f"channel {channel.name}: source", channel.source.driver
    if isinstance(item, Frame):
        height, width = item.image.shape[:2]
        return CheckResult(name, "OK", f"{driver} gives {width}x{height}")
    if isinstance(item, Reading):
        samples, axes = item.signal.shape
        detail = f"{driver} gives {samples} samples, {axes} axes, {item.rate_hz:g} Hz"
        return CheckResult(name, "OK", detail)
    if isinstance(item, ProcessRow) and bundle is not None:
        return _row(name, item, channel, bundle)
    reason = item.reason if isinstance(item, Unreadable) else "gives rows without a model"
    return CheckResult(name, "FAIL", reason, "check what the source reads")


def _row(name: str, row: ProcessRow, channel: Channel, bundle: Bundle) -> CheckResult:
    """Whether the model finds its tags in a row, in units that it can convert."""
    spec = bundle.manifest.spec.input
    if not isinstance(spec, TabularInput):
        return CheckResult(name, "FAIL", f"the bundle judges {spec.kind}", "correct `bundle`")
    prepared = prepare_rows(table_of_rows([row.tags]), spec)
    detail = f"{channel.source.driver} gives {len(row.tags)} tags, the model takes {len(spec.tags)}"
    if prepared.refused[0]:
        return CheckResult(name, "WARN", f"{detail}: {prepared.refused[0]}", "look at that sensor")
    return CheckResult(name, "OK", detail)
