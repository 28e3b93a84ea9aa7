"""Names, units and sentences of figures for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.run_folder.metrics import (
    BaselineMetrics,
    BudgetMetrics,
    HeldOutMetrics,
    Metric,
)
from edge_agent.contracts.run_folder.run import RunFolder

TITLES = {
    "accuracy": "Right label",
    "macro_f1": "Macro F1",
    "verdict_accuracy": "Right verdict",
    "detected": "Defects found",
    "false_reject": "Good parts rejected",
    "undecided_bad": "Defects with NO-VERDICT",
    "undecided_good": "Good parts with NO-VERDICT",
    "recall_at_1pct_false_reject": "Defects found at 1 % false rejects",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "window_accuracy": "Right label, single windows",
    "rmse": "RMSE",
    "mae": "Mean absolute error",
    "interval_coverage": "True value within the interval",
    "interval_width": "Mean width of the interval",
}
"""Field of HeldOutMetrics -> its title."""

PERCENT = frozenset(
    {
        "accuracy",
        "verdict_accuracy",
        "detected",
        "false_reject",
        "undecided_bad",
        "undecided_good",
        "recall_at_1pct_false_reject",
        "window_accuracy",
        "interval_coverage",
        "refused",
    }
)
"""Shares that read better as per cent."""


def title_of(name: str) -> str:
    """The title of a figure for people."""
    return TITLES.get(name, name.replace("_", " "))


def value_text(name: str, value: float) -> str:
    """A figure with its unit: `98.4 %` or `0.9931`."""
    if not math.isfinite(value):
        return "-"
    if name in PERCENT:
        return f"{100 * value:.1f} %"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def interval_text(name: str, metric: Metric) -> str:
    """`97.1 – 99.9 %`."""
    low, high = metric.ci95
    if name in PERCENT:
        return f"{100 * low:.1f} – {100 * high:.1f} %"
    return f"{value_text(name, low)} – {value_text(name, high)}"


def result_sentence(run: RunFolder) -> str:
    """The result of a run in counts, with what the held-out samples leave unknown."""
    truth = [one.label for one in run.predictions]
    return outcome_sentence(run.metrics.held_out, run.spec, truth)


def outcome_sentence(held_out: HeldOutMetrics, spec: ModelSpec, truth: Sequence[str]) -> str:
    """The result in counts. truth: the label of every judged sample."""
    detected, refused = held_out.detected, held_out.false_reject
    if detected and refused and spec.good:
        caught, rejected = _hits(detected), _hits(refused)
        unsure, unsure_good = _hits(held_out.undecided_bad), _hits(held_out.undecided_good)
        found = f"{caught} {_was(caught)} found"
        passed = f"{detected.n - caught - unsure} escaped"
        told = f", {_undecided(unsure, spec)} and {passed}" if unsure else f" and {passed}"
        told_good = f" and {_undecided(unsure_good, spec)}" if unsure_good else ""
        return (
            f"Of {_count(detected.n, 'defective sample')} not seen in training, {found}{told}. "
            f"Of {_count(refused.n, 'good one')}, {rejected} {_was(rejected)} rejected{told_good}."
        )
    if held_out.accuracy:
        hits = round(held_out.accuracy.value * held_out.accuracy.n)
        text = (
            f"{hits} of {_count(held_out.accuracy.n, 'sample')} not seen in training got the right "
        )
        return f"{text}label.{unknown_rates(spec, truth)}"
    if held_out.rmse and held_out.mae:
        error = value_text("mae", held_out.mae.value)
        count = held_out.rmse.n
        return f"On {count} rows not seen in training the value is off by {error} on average."
    return f"{_one_sided(held_out, spec)}{unknown_rates(spec, truth)}"


def _one_sided(held_out: HeldOutMetrics, spec: ModelSpec) -> str:
    """What samples that are all good, or all defective, show of a detector."""
    one = held_out.undecided_good or held_out.undecided_bad
    refused = held_out.false_reject or held_out.detected
    if refused is not None:
        count, kind = _hits(refused), "good" if held_out.false_reject else "defective"
        told = f" and {_undecided(_hits(one), spec)}" if _hits(one) else ""
        many = _count(refused.n, f"{kind} sample")
        return f"Of {many} not seen in training, {count} {_was(count)} rejected{told}."
    if one is None:
        return "No held-out figure could be computed."
    return f"Of {_count(one.n, 'sample')} not seen in training, {_undecided(_hits(one), spec)}."


def _undecided(count: int, spec: ModelSpec) -> str:
    if spec.conditions is not None:
        return f"{count} {_was(count)} told to need a baseline"
    return f"{count} got no verdict"


def _hits(share: Metric | None) -> int:
    return 0 if share is None else round(share.value * share.n)


def unknown_rates(spec: ModelSpec, truth: Sequence[str]) -> str:
    """What cannot be known of samples that are all good, or all defective; else ''."""
    if spec.scoring.kind == "value" or not spec.good or not truth:
        return ""
    defects = sum(label not in spec.good for label in truth)
    if not defects:
        return " No defective sample was held out: escapes are unknown."
    if defects == len(truth):
        return " No good sample was held out: false rejects are unknown."
    return ""


def untested_labels(run: RunFolder) -> str:
    """A warning that names the labels without a held-out sample; '' where there is none."""
    if run.spec.scoring.kind != "logits":
        return ""
    tested = {one.label for one in run.predictions}
    missing = [label for label in run.spec.labels if label not in tested]
    if not missing:
        return ""
    names = ", ".join(f"'{label}'" for label in missing)
    return (
        f"Never tested: no held-out sample is labelled {names}. No figure here says how well "
        f"{'this label is' if len(missing) == 1 else 'these labels are'} recognised."
    )


def warnings_of(run: RunFolder) -> list[str]:
    """What must be read before the figures."""
    warnings = (
        baseline_warning(run.metrics.held_out, run.metrics.baselines),
        untested_labels(run),
        budget_warning(run.metrics.budget),
    )
    return [warning for warning in warnings if warning]


def budget_warning(found: BudgetMetrics | None) -> str:
    """A warning where the fitted network is predicted to miss its budget; else ''."""
    if found is None or found.predicted_ms <= found.budget_ms:
        return ""
    return (
        f"Over the budget: the fitted network is predicted to take {found.predicted_ms:.3g} ms on "
        f"{found.target}, of {found.budget_ms:g} ms. Allow more time, or take a smaller model or "
        "input."
    )


def baseline_warning(held_out: HeldOutMetrics, baselines: Mapping[str, BaselineMetrics]) -> str:
    """A warning where a rule that needs no network does as well on the same samples; else ''."""
    for name in ("auroc", "accuracy"):
        metrics = {rule: getattr(row, name) for rule, row in baselines.items()}
        rules = {rule: metric.value for rule, metric in metrics.items() if metric is not None}
        own: Metric | None = getattr(held_out, name)
        if own is None or not rules:
            continue
        best = max(rules, key=lambda rule: rules[rule])
        if rules[best] >= own.value:
            seen, nets = value_text(name, rules[best]), value_text(name, own.value)
            how = "as well" if seen == nets else "better"
            learnt = "the network has learnt nothing of use yet, or " if own.value < 1 else ""
            return (
                f"The rule '{best}', which needs no network, does {how} ({title_of(name)} {seen}, "
                f"the network {nets}): {learnt}the data are easier than they look."
            )
        break
    return ""


def as_sentence(note: str) -> str:
    """A note with a capital and a full stop."""
    end = "" if note.endswith((".", "!", "?")) else "."
    return f"{note[:1].upper()}{note[1:]}{end}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
