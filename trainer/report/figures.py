"""The report's charts: matplotlib figures as SVG text, no window, no global state."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from edge_agent.contracts.core.printable import printable
from edge_agent.contracts.run_folder.metrics import BudgetPoint
from edge_agent.contracts.run_folder.rows import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#1c2733", "#667585", "#e4e9ee"
BLUE, ORANGE, RED, GREEN = "#1f6feb", "#d9822b", "#c93c37", "#2f8f5b"
SERIES = (BLUE, ORANGE, GREEN, "#8250df", "#0e7c86", "#9a6700")
"""Colours of what is told apart in one panel, in this order."""
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "svg.fonttype": "none",
    "axes.edgecolor": "#b8c2cc",
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.color": INK,
    "legend.frameon": False,
}
MOST_NUMBERED = 14
"""A confusion matrix of more classes shows colours only."""

LONGEST_NAME = 24
"""Letters of a name; longer ones leave no room for the chart."""


def draw(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of `columns` panels in the report's style; size in inches."""
    import matplotlib.style as mpl_style
    from matplotlib.figure import Figure as Canvas

    with mpl_style.context(STYLE):
        figure = Canvas(figsize=(width, height), layout="constrained")
        panels = figure.subplots(1, columns, squeeze=False)
    return figure, list(panels[0])


def as_svg(figure: Figure) -> Markup:
    """The figure as an <svg> element, same input same text; matplotlib escapes its texts."""
    import matplotlib.style as mpl_style

    stream = io.StringIO()
    with mpl_style.context({**STYLE, "svg.hashsalt": "lineside"}), warnings.catch_warnings():
        # The browser has the letters that the fonts of this machine lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    return Markup(text[text.index("<svg") :])


def chart_text(text: str) -> str:
    r"""A name for a chart: nothing hidden, not too long, and `$` (a formula) escaped."""
    shown = printable(text)
    if len(shown) > LONGEST_NAME:
        shown = f"{shown[: LONGEST_NAME - 1]}…"
    return shown.replace("$", r"\$")


def learning_curves(history: History) -> Markup:
    """Loss, and accuracy where it was recorded, of training and validation by epoch."""
    from matplotlib.ticker import MaxNLocator

    names = [name for name in ("loss", "accuracy") if name in history]
    figure, panels = draw(8.6, 2.7, max(1, len(names)))
    epochs, best = history["epoch"], best_epoch(history)
    for panel, name in zip(panels, names, strict=False):
        for key, colour, label in (
            (name, BLUE, "training"),
            (f"val_{name}", ORANGE, "validation"),
        ):
            values = history.get(key)
            if values is not None and np.isfinite(values).any():
                panel.plot(epochs, values, color=colour, lw=1.6, label=label, **_marks(values))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        if best is not None:
            panel.axvline(best, color=FAINT, lw=1, ls=":")
        _title(panel, {"loss": "Loss", "accuracy": "Share of right labels"}[name])
        panel.set_xlabel("epoch" if best is None else "epoch (dotted: the one used)")
        panel.legend(loc="best", frameon=False)
    return as_svg(figure)


def best_epoch(history: History) -> int | None:
    """The epoch of the least validation loss, as the history numbers it."""
    losses = history.get("val_loss")
    if losses is None or not np.isfinite(losses).any():
        return None
    return int(history["epoch"][int(np.nanargmin(losses))])


def confusion_matrix(table: NDArray[np.int64], labels: Sequence[str]) -> Markup:
    """Rows truth, columns predicted; the colour is the share of the row."""
    count, labels = len(labels), [chart_text(label) for label in labels]
    side = min(7.5, 1.9 + 0.55 * count)
    figure, (panel,) = draw(side + 0.9, side)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="equal")
    panel.set_xticks(range(count), labels, rotation=30 if count > 3 else 0, ha="center")
    panel.set_yticks(range(count), labels)
    panel.set_xlabel("predicted")
    panel.set_ylabel("truth")
    panel.grid(False)
    panel.tick_params(length=0)
    if count <= MOST_NUMBERED:
        for (row, column), number in np.ndenumerate(table):
            shade = "white" if shares[row, column] > 0.7 else INK if number else "#b8c2cc"
            panel.text(column, row, str(number), ha="center", va="center", color=shade)
    return as_svg(figure)


def ranking_curves(bad: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float) -> Markup:
    """ROC and precision-recall curve with the chosen threshold marked."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, (roc, pr) = draw(8.6, 3.5, 2)
    rejected = scores >= threshold
    detected_share, refused = rejected[bad].mean(), rejected[~bad].mean()
    false_rate, true_rate, _ = roc_curve(bad, scores)
    roc.plot([0, 1], [0, 1], color=GRID, lw=1)
    roc.plot(false_rate, true_rate, color=BLUE, lw=1.8)
    roc.plot(refused, detected_share, "o", color=RED, ms=7, label="chosen threshold", clip_on=False)
    _axes(roc, "ROC", "good parts rejected", "defects found")
    precision, recall, _ = precision_recall_curve(bad, scores)
    pr.axhline(bad.mean(), color=GRID, lw=1)
    pr.plot(recall, precision, color=BLUE, lw=1.8)
    if rejected.any():
        pr.plot(detected_share, bad[rejected].mean(), "o", color=RED, ms=7, clip_on=False)
    _axes(pr, "Precision and recall", "defects found (recall)", "rejects that are defects")
    roc.legend(loc="lower right", frameon=False)
    return as_svg(figure)


def score_histogram(
    bad: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float
) -> Markup:
    """How the scores of good and defective held-out samples lie about the threshold."""
    figure, (panel,) = draw(8.6, 2.5)
    low, high = min(scores.min(), threshold), max(scores.max(), threshold)
    edges = np.linspace(low, high if high > low else low + 1, 41).tolist()
    panel.hist(scores[~bad], edges, color=GREEN, alpha=0.75, label=f"good ({(~bad).sum()})")
    panel.hist(scores[bad], edges, color=RED, alpha=0.65, label=f"defect ({bad.sum()})")
    panel.axvline(threshold, color=INK, lw=1.2)
    panel.set_yscale("symlog", linthresh=1)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.set_xlabel("score (line: the threshold; FAIL to its right)")
    panel.set_ylabel("samples")
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return as_svg(figure)


def scatter(
    truth: NDArray[np.float64], predicted: NDArray[np.float64], ends: NDArray[np.float64], name: str
) -> Markup:
    """Predicted against true values; a grey bar is the interval of each."""
    figure, (panel,) = draw(8.6, 4.2)
    shown = np.random.default_rng(0).permutation(len(truth))[:500]
    below, above = predicted - ends[:, 0], ends[:, 1] - predicted
    spread = np.stack([below, above])[:, shown]
    panel.errorbar(
        truth[shown], predicted[shown], spread, fmt="o", ms=3, lw=0.7, color=INK, ecolor="#b8c0c8"
    )
    limits = [float(min(truth.min(), predicted.min())), float(max(truth.max(), predicted.max()))]
    panel.plot(limits, limits, color=GREEN, lw=1.2)
    panel.set_xlabel(f"true {chart_text(name)}")
    panel.set_ylabel(f"predicted {chart_text(name)}")
    return as_svg(figure)


def accuracy_against_ms(points: Sequence[BudgetPoint], budget_ms: float, name: str) -> Markup:
    """What each variant is worth against its predicted time, a colour a backbone, with the line of
    the best that any time buys; the chosen one is ringed.
    """
    figure, (panel,) = draw(8.6, 3.4)
    backbones = list(dict.fromkeys(one.backbone for one in points))
    for number, backbone in enumerate(backbones):
        own = [one for one in points if one.backbone == backbone]
        colour, label = SERIES[number % len(SERIES)], backbone or None
        panel.plot(*_places(own), "o", color=colour, ms=4.5, alpha=0.75, label=label, mew=0)
    panel.step(*_places(_best_so_far(points)), where="post", color=FAINT, lw=0.9, zorder=0)
    chosen = [one for one in points if one.chosen]
    panel.plot(*_places(chosen), "o", ms=11, mfc="none", mec=RED, mew=1.6, label="chosen")
    panel.axvline(budget_ms, color=FAINT, lw=1, ls=":")
    panel.set_xlim(left=0)
    panel.set_xlabel("predicted ms (dotted: the budget; line: the best up to that time)")
    panel.set_ylabel(fill(name, LONGEST_NAME))
    panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return as_svg(figure)


def _places(points: Sequence[BudgetPoint]) -> tuple[list[float], list[float]]:
    """Milliseconds and worth."""
    return [one.ms for one in points], [
        np.nan if one.merit is None else one.merit for one in points
    ]


def _best_so_far(points: Sequence[BudgetPoint]) -> list[BudgetPoint]:
    """Those that are better than every faster one, the fastest first."""
    kept: list[BudgetPoint] = []
    for one in sorted(points, key=lambda one: (one.ms, -(one.merit or 0))):
        if not kept or (one.merit or 0) > (kept[-1].merit or 0):
            kept.append(one)
    return kept


def waveform(window: NDArray[np.float32], rate_hz: float, unit: str) -> Markup:
    """One window of vibration (T, C): the signal above, its amplitude spectrum below."""
    import matplotlib.style as mpl_style
    from matplotlib.figure import Figure as Canvas

    with mpl_style.context({**STYLE, "font.size": 7}):
        figure = Canvas(figsize=(2.7, 2.0), layout="constrained")
        above, below = figure.subplots(2, 1)
    seconds = np.arange(len(window)) / rate_hz
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window))[:, None], axis=0))
    hertz = np.fft.rfftfreq(len(window), 1 / rate_hz)
    for axis, colour in zip(range(min(window.shape[1], 3)), (BLUE, ORANGE, GREEN), strict=False):
        above.plot(1000 * seconds, window[:, axis], color=colour, lw=0.5)
        below.plot(hertz, spectrum[:, axis], color=colour, lw=0.7)
    above.set_xlabel(f"ms, {unit}", labelpad=0)
    below.set_xlabel("Hz", labelpad=0)
    below.set_yticks([])
    return as_svg(figure)


def bands(values: NDArray[np.float32]) -> Markup:
    """The input features of a network, (bins, channels), as lines."""
    figure, (panel,) = draw(2.7, 2.0)
    for channel, colour in zip(range(min(values.shape[1], 3)), (BLUE, ORANGE, GREEN), strict=False):
        panel.plot(values[:, channel], color=colour, lw=0.7)
    panel.set_xlabel("bin")
    return as_svg(figure)


def _marks(values: NDArray[np.float64]) -> dict[str, Any]:
    """Few points are shown as such: a line alone hides that there are two of them."""
    return {"marker": "o", "ms": 4} if np.isfinite(values).sum() < 10 else {}


def _axes(panel: Axes, title: str, across: str, up: str) -> None:
    _title(panel, title)
    panel.set_xlabel(across)
    panel.set_ylabel(up)
    panel.set_xlim(-0.01, 1.01)
    panel.set_ylim(-0.01, 1.03)


def _title(panel: Axes, title: str) -> None:
    panel.set_title(title, loc="left", fontweight="bold", fontsize=10.5)
