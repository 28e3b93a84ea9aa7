"""A machine's vibration: judged against its own baseline, with alarms that persist and reasons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field

from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import (
    Item,
    Judgement,
    Reading,
    Recording,
    Verdict,
)
from edge_agent.contracts.model.manifest import ModelSpec, parse_json
from edge_agent.contracts.model.scoring import decide
from edge_agent.contracts.vibration.baseline import (
    false_alarm_bound,
    judged_by_others,
    raised_threshold,
    raw_features,
    rebase,
    scatter,
)
from edge_agent.contracts.vibration.conditions import NEEDS_BASELINE
from edge_agent.contracts.vibration.input import (
    VibrationInput,
    prepare_recording,
    refuse_other_rate,
)
from edge_agent.contracts.vibration.views import Standard
from edge_agent.decide.alarm_history import AlarmRule
from edge_agent.decide.bearings import Bearing, fault_lines
from edge_agent.decide.inspector import Network, wrong_item
from edge_agent.decide.severity import MachineGroup, Zone, measure
from edge_agent.health.reading_history import ReadingHistory
from edge_agent.health.signal import longest_hold

IMPACTS = 6.0
"""Kurtosis from which a signal is called impacting: noise has 3, and varies by 0.1 or so."""


BASELINE_COMMAND = "lineside-agent baseline BUNDLE normal/ --out FILE"
"""What gives a machine a baseline, from recordings; a station's channel has one of its own."""


class Baseline(Strict):
    """What a station keeps of its own normal: made by `lineside-agent baseline`."""

    bundle: str = Field(description="name of the bundle whose features these are")
    windows: int = Field(ge=1)
    standard: Standard
    threshold: float
    false_alarms: float | None = Field(
        default=None, ge=0, le=1, description="of normal readings, at most, by ranks; None: unknown"
    )
    scatter: float = Field(default=1.0, ge=0, description="of its features, 1: as in training")


class VibrationInspector:
    """Judges the readings of one machine in their order; one thread at a time may use it.

    alarm: the rule of the channel, or of the bundle where the channel has none; baseline: the
    machine's own normal; group, bearing: for the physical reason of a FAIL; history: the channel's
    last readings, None where readings repeat by intent; command: what records a baseline.
    """

    needs_every_item = False

    def __init__(
        self,
        network: Network,
        *,
        alarm: AlarmRule | None = None,
        baseline: Baseline | None = None,
        group: MachineGroup = "group2-rigid",
        bearing: Bearing | None = None,
        history: ReadingHistory | None = None,
        command: str = BASELINE_COMMAND,
    ) -> None:
        self._network = network
        self._command = command
        # With a baseline it is judged where it stands, whatever speeds the training met.
        self._conditions = network.spec.conditions if baseline is None else None
        self._history = history
        self._input = _vibration(network.spec)
        self._scoring = network.spec.scoring
        if baseline is not None:
            self._input = self._input.model_copy(update={"standard": baseline.standard})
            self._scoring = self._scoring.model_copy(update={"threshold": baseline.threshold})
        self._alarm = alarm or AlarmRule(self._scoring.persistence)
        self._group: MachineGroup = group
        self._bearing = bearing

    def inspect(self, item: Item) -> Judgement:
        """Judge a reading; raises as inspect_recording does."""
        refuse_old(item, self._history)
        axes, unit = tuple(self._input.axes), self._input.unit
        return self.inspect_recording(recording_of(item, axes, unit))

    def inspect_recording(self, recording: Recording) -> Judgement:
        """FAIL when k of the last n recordings were over the threshold, with the physical reason.

        At a speed or load that the training did not meet NO-VERDICT: it needs a baseline.
        Raises InputError where the recording is not what the model takes, is slower than it, and
        for a dead sensor.
        """
        where = recording.source or "recording"
        refuse_other_rate(recording.rate_hz, self._input.rate_hz, where)
        prepared = prepare_recording(recording, self._input)
        refuse_still(recording)
        judged = self._network.judge(self._network.raw_outputs(prepared))
        # A baseline has a threshold of its own, so the verdict is made anew from the score.
        verdict, reason = decide(judged.score, self._scoring)
        judged = replace(judged, verdict=verdict, reason=reason, threshold=self._scoring.threshold)
        if self._scoring.kind == "anomaly":
            judged = replace(judged, label="normal" if verdict == Verdict.PASS else "anomaly")
        unknown = self._unknown(recording, verdict)
        if unknown:
            reason = f"{NEEDS_BASELINE}: {unknown}; while it runs well: {self._command}"
            return replace(judged, verdict=Verdict.NO_VERDICT, reason=reason)
        judged = self._alarm.apply(judged)
        if judged.verdict != Verdict.FAIL:
            return judged
        return replace(judged, reason=why(recording, self._group, self._bearing))

    def _unknown(self, recording: Recording, verdict: Verdict) -> str:
        """Why the machine's operating condition is none of the training's; "" where it may be."""
        if self._conditions is None or verdict == Verdict.NO_VERDICT:
            return ""
        alarmed = verdict == Verdict.FAIL
        return self._conditions.unknown(recording, self._input, alarmed=alarmed)


def recording_of(item: Item, axes: tuple[str, ...], unit: str) -> Recording:
    """A reading of a channel whose samples have these axes and this unit; raises InputError."""
    if not isinstance(item, Reading):
        raise wrong_item(item, "vibration")
    source = item.part_id or item.source
    return Recording(item.signal, item.rate_hz, axes, unit, source, item.rpm)


def refuse_still(recording: Recording) -> None:
    """Raises InputError for an axis without any noise, which a sensor that lives has, and for one
    that is held at one value for a while."""
    still = np.flatnonzero((recording.signal == recording.signal[:1]).all(axis=0))
    if len(still):
        raise _dead(recording, int(still[0]), "gives one value all the time")
    for axis, samples in enumerate(recording.signal.T):
        held = longest_hold(samples)
        if held:
            for_ms = 1000 * held / recording.rate_hz
            fault = f"is held at one value for {held} samples ({for_ms:.3g} ms): samples were lost"
            raise _dead(recording, axis, fault)


def _dead(recording: Recording, axis: int, fault: str) -> InputError:
    return InputError(
        f"axis {recording.axes[axis]} {fault}",
        where=recording.source or "recording",
        cure="check the sensor and its cable",
    )


def refuse_old(item: Item, history: ReadingHistory | None) -> None:
    """Raises InputError for a reading that is one of the last ones: what is there now is unseen.

    A still axis repeats too: that is refuse_still's.
    """
    if history is None or not isinstance(item, Reading):
        return
    if history.came_before(item.signal) and np.ptp(item.signal, axis=0).all():
        raise InputError(
            "frozen sensor: the reading is an earlier one, sample by sample",
            where=item.part_id or item.source or "recording",
            cure="restart the agent, and look at the sensor's cable, bus and driver",
        )


def why(recording: Recording, group: MachineGroup, bearing: Bearing | None) -> str:
    """What the physics of the recording says, in words; empty where it says nothing."""
    reasons = []
    for numbers in measure(recording, group):
        if numbers.zone in (Zone.C, Zone.D) and numbers.rms_mm_s is not None:
            reasons.append(
                f"{numbers.rms_mm_s:.1f} mm/s on axis {numbers.axis}: "
                f"zone {numbers.zone} of ISO 20816-3 {group}"
            )
        if numbers.kurtosis >= IMPACTS:
            reasons.append(f"impacts on axis {numbers.axis} (kurtosis {numbers.kurtosis:.0f})")
    return "; ".join([*reasons, *_bearing_words(recording, bearing)])


def take_baseline(network: Network, recordings: list[Recording]) -> Baseline:
    """Learn a station's normal from `recordings`; raises InputError for fewer than 10 windows, and
    for recordings that are slower than the model.

    Each fifth of the windows is judged by the other four, which sets the station's threshold.
    """
    spec = _vibration(network.spec)
    bare = raw_features(spec)
    for one in recordings:
        refuse_other_rate(one.rate_hz, spec.rate_hz, one.source or "recording")
    pieces = [prepare_recording(recording, bare) for recording in recordings]
    raw = np.concatenate(pieces)
    moved = rebase(spec, raw)
    own = judged_by_others(spec, raw)
    scores = [network.judge(network.raw_outputs(one[None])).score for one in own]
    threshold = raised_threshold(np.array(scores), network.spec.scoring.threshold)
    apart = sum(_apart(len(piece), spec) for piece in pieces)
    return Baseline(
        bundle=network.spec.name,
        windows=len(raw),
        standard=_standard(moved),
        threshold=float(f"{threshold:.6g}"),
        false_alarms=round(false_alarm_bound(np.array(scores), threshold, apart), 4),
        scatter=float(f"{scatter(spec, raw):.3g}"),
    )


def _apart(windows: int, spec: VibrationInput) -> int:
    """How many of the windows of one recording share no samples."""
    step = -(-spec.window_samples // spec.hop_samples)
    return -(-windows // step)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write the baseline whole or not at all."""
    write_atomic(path, baseline.model_dump_json(indent=1).encode())


def read_baseline(path: Path, spec: ModelSpec) -> Baseline:
    """Raises ConfigError for a missing file and for the baseline of another bundle."""
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot be read ({error.strerror})",
            where=str(path),
            cure="run lineside-agent baseline",
        ) from error
    baseline = parse_json(Baseline, payload, str(path))
    features = int(np.prod(_vibration(spec).shape))
    if baseline.bundle != spec.name or len(baseline.standard.spread) != features:
        raise ConfigError(
            f"is the baseline of {baseline.bundle}, the channel runs {spec.name}",
            where=str(path),
            cure="run lineside-agent baseline with this bundle",
        )
    return baseline


def _bearing_words(recording: Recording, bearing: Bearing | None) -> list[str]:
    if bearing is None or recording.rpm is None:
        return []
    try:
        lines = fault_lines(recording, bearing)
    except InputError:
        return []
    return [str(line) for line in lines[:1]]


def _standard(spec: VibrationInput) -> Standard:
    if spec.standard is None:
        raise InputError(
            "the model has no standardisation", where="baseline", cure="none is needed"
        )
    return spec.standard


def _vibration(spec: ModelSpec) -> VibrationInput:
    if not isinstance(spec.input, VibrationInput):
        raise InputError(
            f"the bundle {spec.name} judges {spec.input.kind}, not vibration",
            where=spec.name,
            cure="take a vibration bundle",
        )
    return spec.input
