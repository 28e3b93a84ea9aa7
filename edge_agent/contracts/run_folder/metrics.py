"""metrics.json: the figures of a run's held-out samples, and how they were found.

Every key of metrics.json is a field here and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field


@dataclass(frozen=True)
class Metric:
    """A figure with its 95 % interval. n: the samples it was computed on; interval: the method."""

    value: float
    ci95: tuple[float, float]
    n: int
    interval: str

    def as_json(self) -> dict[str, object]:
        """Rounded to six digits."""
        row = asdict(self)
        row["value"] = round(self.value, 6)
        row["ci95"] = [round(edge, 6) for edge in self.ci95]
        return row


class Record(BaseModel):
    """Frozen. NaN is allowed: a figure that could not be computed must not lose a fit of hours."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class HeldOutMetrics(Record):
    """Figures of the held-out samples; None where a figure makes no sense for the run."""

    accuracy: Metric | None = None
    macro_f1: Metric | None = None
    verdict_accuracy: Metric | None = None
    detected: Metric | None = None
    false_reject: Metric | None = None
    undecided_bad: Metric | None = None
    undecided_good: Metric | None = None
    recall_at_1pct_false_reject: Metric | None = None
    auroc: Metric | None = None
    average_precision: Metric | None = None
    window_accuracy: Metric | None = None
    rmse: Metric | None = None
    mae: Metric | None = None
    interval_coverage: Metric | None = None
    interval_width: Metric | None = None

    @classmethod
    def of(cls, figures: Mapping[str, Metric]) -> Self:
        """From figures by name; those that are not finite are left out."""
        finite = {name: one for name, one in figures.items() if math.isfinite(one.value)}
        return cls.model_validate(finite)

    def present(self) -> dict[str, Metric]:
        """The figures that there are, by name, in the order of the fields."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: one for name, one in found.items() if one is not None}


class SampleCounts(Record):
    """Samples of each side of the split."""

    train: int = Field(ge=0)
    val: int = Field(ge=0)
    test: int = Field(ge=0)


class ClassMetrics(Record):
    """Figures of one label against all others; n: its held-out samples."""

    precision: float
    recall: float
    f1: float
    n: int
    auroc: float | None = None
    average_precision: float | None = None


class DisturbanceMetrics(Record):
    """Figures under one disturbance; verdicts_changed: the share of verdicts that change."""

    n: int
    verdicts_changed: float
    accuracy: float | None = None
    recall_at_1pct_false_reject: float | None = None
    auroc: float | None = None
    false_reject: float | None = None


class ClippingMetrics(Record):
    """How much of n training pictures is black or white, as shares of their colour values.

    white, black: at 255 and at 0 in the frame as the camera gave it; prepared: of what was at
    neither when resized, at one of them by standardising; good: of good parts only.
    """

    n: int
    good: bool
    white: float
    black: float
    prepared: float


class StrangeImageMetrics(Record):
    """What the gate of familiarity does with n images of one kind.

    refused: the share that gets NO-VERDICT for being unfamiliar; passed: the share of PASS with
    the gate, and without it.
    """

    n: int
    refused: Metric
    passed: float
    passed_without_gate: float


class LocalisationMetrics(Record):
    """How well the heat map finds the defect; None where no mask says where it is."""

    pixel_auroc: Metric | None = None
    pro: Metric | None = None


class BaselineMetrics(Record):
    """A rule that needs no network, on the same samples."""

    accuracy: Metric | None = None
    auroc: Metric | None = None


class GbmReference(Record):
    """Gradient boosting on the same rows; ahead: the network's advantage, paired."""

    name: str
    figure: Literal["rmse", "average_precision"]
    rmse: Metric | None = None
    average_precision: Metric | None = None
    ahead: Metric
    sentence: str


class ThresholdUsed(Record):
    """The threshold of the verdicts, and the rule that chose it."""

    value: float
    chosen_by: str


class AlarmRuleCounts(Record):
    """What a k-of-n rule does on held-out readings."""

    k: int
    n: int
    normal_readings: int
    over_threshold: int
    false_alarms: int
    false_alarm_share_below: float
    faulty_runs: int
    found: int
    mean_delay_readings: float


class AlarmRuleMetrics(Record):
    """The chosen k-of-n rule beside each reading alone. asked: the allowed false-alarm share."""

    asked: float
    chosen_by: str
    chosen: AlarmRuleCounts
    alone: AlarmRuleCounts


class PartCosts(Record):
    """escape: cost of a defect delivered; reject: of a good part rejected; same currency."""

    escape: float
    reject: float
    defect_rate: float


class PolicyCounts(Record):
    """What the threshold does to some parts; *_below: one-sided 95 % bounds of the shares."""

    bad: int
    escapes: int
    escape_share_below: float
    good: int
    rejects: int
    reject_share_below: float
    cost_per_1000: float | None = None
    cost_per_1000_below: float | None = None
    escape_ppm: float | None = None
    escape_ppm_below: float | None = None


class ThresholdPolicy(Record):
    """A threshold chosen by costs or limits. more_good, more_bad: error-free parts still needed."""

    rule: str
    proven: bool
    more_good: int
    more_bad: int
    cut: float
    costs: PartCosts | None = None
    chosen_on: PolicyCounts
    held_out: PolicyCounts


DEFAULT_LIMIT = 0.01


class AcceptanceLimits(Record):
    """What is required of the verdicts. given: whether somebody stated it, or it is the default.

    max_escape: of the defective parts, the share that may pass; max_false_reject: of the good
    parts, the share that may be rejected.
    """

    max_escape: float = Field(default=DEFAULT_LIMIT, gt=0, lt=1)
    max_false_reject: float = Field(default=DEFAULT_LIMIT, gt=0, lt=1)
    given: bool = False


class BudgetPoint(Record):
    """A variant of the model. ms: predicted; merit: by training samples, where it was measured;
    backbone: its name, or the views of a window, where several were compared.
    """

    name: str
    ms: float
    merit: float | None = None
    chosen: bool = False
    backbone: str = ""


class BudgetMetrics(Record):
    """What was compared for a target. predicted_ms: of the fitted network; within: the factor by
    which predictions for this target may be wrong; source: what they are from.
    """

    target: str
    budget_ms: float
    predicted_ms: float
    within: float
    source: str
    merit_name: str
    points: list[BudgetPoint]


class SplitAsGiven(Record):
    """The figures by the data set's own split, through which near-duplicates leak.

    copied: held-out samples with a copy in training, which the run's own figures leave out; None
    of a run whose own figures are of another fit, on a split by groups of copies.
    """

    protocol: str
    figures: HeldOutMetrics
    copied: int | None = None


class CopyGroup(Record):
    """Samples that are copies of one another: how many, their labels, and some of their paths."""

    samples: int = Field(ge=2)
    labels: list[str]
    paths: list[str]


class ExtremeGoodPart(Record):
    """A good part with one of the highest scores. starts_s: of a recording, where the highest
    window begins, in seconds from the recording's begin."""

    path: str
    score: float
    starts_s: float | None = None


class GoodOnlyThreshold(Record):
    """What the most extreme good parts do to a threshold that good parts alone have chosen.

    judged: how many good parts, windows of recordings or rows it was chosen on; left_out: how many
    of them its estimate leaves out; with_all: the threshold with these; extreme: the most extreme
    ones, at least as many as were left out; without_extreme: the threshold that the rule gives
    when all of `extreme` are taken out of the data; None where too few would remain.
    """

    threshold: float
    judged: int
    unit: Literal["parts", "windows", "rows"] = "parts"
    left_out: int = 0
    with_all: float
    extreme_count: int
    extreme: list[ExtremeGoodPart]
    without_extreme: float | None = None


class DoubtedLabel(Record):
    """A sample that the network calls another label. belief: in `suggested`; in_given: in `label`;
    both by a network that was fitted without the sample's group."""

    path: str
    label: str
    suggested: str
    belief: float
    in_given: float


class LabelDoubts(Record):
    """Fitted samples whose labels are probably wrong: how many of those judged, and the surest."""

    judged: int
    doubted: int
    surest: list[DoubtedLabel]


class RunMetrics(Record):
    """metrics.json."""

    task: str
    model: str
    parameters: int = Field(ge=0)
    protocol: str
    samples: SampleCounts
    decisions: list[str] = Field(default_factory=list)
    seeds: list[int] = Field(default_factory=list)
    held_out: HeldOutMetrics = HeldOutMetrics()
    per_class: dict[str, ClassMetrics] = Field(default_factory=dict)
    disturbances: dict[str, DisturbanceMetrics] = Field(default_factory=dict)
    clipping: ClippingMetrics | None = None
    strange_images: dict[str, StrangeImageMetrics] = Field(default_factory=dict)
    localisation: LocalisationMetrics = LocalisationMetrics()
    baselines: dict[str, BaselineMetrics] = Field(default_factory=dict)
    gbm_reference: GbmReference | None = None
    threshold: ThresholdUsed | None = None
    alarm_rule: AlarmRuleMetrics | None = None
    threshold_policy: ThresholdPolicy | None = None
    copies: list[str] = Field(default_factory=list, description="what the search for copies found")
    copy_groups: list[CopyGroup] = Field(default_factory=list, description="the largest ones")
    split_as_given: SplitAsGiven | None = None
    good_only: GoodOnlyThreshold | None = None
    label_doubts: LabelDoubts | None = None
    notes: list[str] = Field(default_factory=list)
    acceptance: AcceptanceLimits = AcceptanceLimits()
    budget: BudgetMetrics | None = None

    def as_json(self) -> dict[str, object]:
        """For json.dumps; what there is not is left out."""
        return self.model_dump(mode="json", exclude_none=True)
