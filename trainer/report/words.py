"""How figures are called and written for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NAMES = {
    "accuracy": "Right label",
    "macro_f1": "Macro F1",
    "verdict_accuracy": "Right verdict",
    "detected": "Defects found",
    "false_reject": "Good parts rejected",
    "recall_at_1pct_false_reject": "Defects found at 1 % false rejects",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "window_accuracy": "Right label, single windows",
    "rmse": "RMSE",
    "mae": "Mean absolute error",
    "interval_coverage": "True value within the interval",
    "interval_width": "Mean width of the interval",
}
"""Key of metrics.json -> what it is called; others are written as they are."""

PERCENT = frozenset(
    {
        "accuracy",
        "verdict_accuracy",
        "detected",
        "false_reject",
        "recall_at_1pct_false_reject",
        "window_accuracy",
        "interval_coverage",
    }
)
"""Shares that read better as per cent."""

Figures = Mapping[str, Mapping[str, Any]]


def called(name: str) -> str:
    """The name of a figure for people."""
    return NAMES.get(name, name.replace("_", " "))


def written(name: str, value: float) -> str:
    """A figure with its unit: `98.4 %` or `0.9931`."""
    if value is None or not math.isfinite(value):
        return "-"
    if name in PERCENT:
        return f"{100 * value:.1f} %"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def interval(name: str, figure: Mapping[str, Any]) -> str:
    """`97.1 - 99.9 %`."""
    low, high = figure["ci95"]
    if name in PERCENT:
        return f"{100 * low:.1f} – {100 * high:.1f} %"
    return f"{written(name, low)} – {written(name, high)}"


def sentence(held: Figures, good: list[str]) -> str:
    """The result in one sentence of counts."""
    found, refused, right = (held.get(k) for k in ("detected", "false_reject", "accuracy"))
    if found and refused and good:
        caught, let = round(found["value"] * found["n"]), round(refused["value"] * refused["n"])
        return (
            f"Of {_many(found['n'], 'defective sample')} never seen in training, {caught} "
            f"{_were(caught)} found and {found['n'] - caught} escaped. "
            f"Of {_many(refused['n'], 'good one')}, {let} {_were(let)} rejected."
        )
    if right:
        hits = round(right["value"] * right["n"])
        return f"{hits} of {right['n']} samples never seen in training got their right label."
    if "rmse" in held:
        n, error = held["rmse"]["n"], written("mae", held["mae"]["value"])
        return f"On {n} rows never seen in training the value is off by {error} on average."
    return "No held-out figure could be computed."


def rivalled(held: Figures, baselines: Mapping[str, Figures]) -> str:
    """A warning where a rule that needs no network does as well on the same samples, or nothing."""
    for name in ("auroc", "accuracy"):
        rules = {rule: row[name]["value"] for rule, row in baselines.items() if name in row}
        if name not in held or not rules:
            continue
        best = max(rules, key=lambda rule: rules[rule])
        if rules[best] >= held[name]["value"]:
            return (
                f"The rule '{best}', which needs no network, does as well ({called(name)} "
                f"{written(name, rules[best])}, the network {written(name, held[name]['value'])}): "
                "the network has learnt nothing of use yet, or the data are easier than they look."
            )
        break
    return ""


def as_sentence(said: str) -> str:
    """A note with a capital and a full stop."""
    end = "" if said.endswith((".", "!", "?")) else "."
    return f"{said[:1].upper()}{said[1:]}{end}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
