"""Which windows and views tell the recordings of a training apart, without a network.

Least squares on the views of some windows of each training recording, every one judged by a
regression that saw none of its group. What is compared is the verdict on one window, whatever its
length. Groups are few and differ, so that a shorter window is better by luck too often: a variant
counts what it is better than the widest views of the longest window, less one standard error of
that difference over the groups (the rule of one standard error: Breiman et al., Classification and
Regression Trees, 1984, section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.vibration.input import VibrationInput
from trainer.console.progress import Progress
from trainer.data.split import Split
from trainer.models.image.feature_maps import Floats
from trainer.models.image.linear_head import FOLDS, left_out
from trainer.models.image.ridge_trial import Fold, kernel_of, right_out_of_fold
from trainer.models.vibration.trial_windows import TrialWindows, trial_windows
from trainer.training.api import WindowMerits

LEAST_GROUPS = 3
"""Groups of each label from which on views are chosen among those of one window. By two groups the
choice fails: of cwru's bearings two sizes of faults are told best by the spectrum alone, which then
tells 0.50 of the third size, where all views tell 0.73 (windows of 3,000 samples)."""

MERIT_NAME = "windows right out of fold, less a standard error"


def merits_of_windows(
    split: Split, several: Sequence[VibrationInput], progress: Progress
) -> WindowMerits:
    """What each of several inputs is worth by the training recordings alone; not a number for views
    that are not compared, and for all where two labels have recordings of one group only.

    several: inputs of one rate, not standardised, those of more views first. One label may have a
    single group (the lone normal recording of many rigs): it is cut by time.
    """
    unknown = [float("nan")] * len(several)
    lone, fewest = _groups_of_labels(split)
    if len(lone) > 1:
        progress.say(
            f"windows are not compared, as {len(lone)} labels have training recordings of one "
            "group only: the longest that fits is taken"
        )
        return WindowMerits(unknown, 0.0)
    compared = _compared(several, fewest)
    windows = trial_windows(split, [several[place] for place in compared], progress)
    trial = _trial(split, windows, lone, min(FOLDS, fewest), _longest_s(several))
    if not trial.folds:
        progress.say("windows are not compared, as the recordings are too short for it")
        return WindowMerits(unknown, 0.0)
    right = [trial.right(windows.of(several[place])) for place in compared]
    own = right[max(range(len(compared)), key=lambda n: several[compared[n]].window_samples)]
    merits = dict(zip(compared, (trial.merit(one, own) for one in right), strict=True))
    return WindowMerits([merits.get(n, float("nan")) for n in range(len(several))], trial.one)


@dataclass(frozen=True)
class Trial:
    """targets, groups: (N,) of each window; folds: (seen, held) places of them."""

    targets: NDArray[np.int64]
    groups: NDArray[np.str_]
    folds: Sequence[Fold]

    @property
    def one(self) -> float:
        """What one window of the rarest label counts where every label counts the same."""
        counts = np.unique(self.targets, return_counts=True)[1]
        return float(1 / (len(counts) * counts.min()))

    def right(self, views: Sequence[Floats]) -> NDArray[np.bool_]:
        """(N,): the windows whose label is told by views (N, F) of it, standardised by column."""
        products = np.sum([kernel_of(one) for one in views], axis=0)
        return right_out_of_fold(
            np.asarray(products, np.float32), self.targets, self.folds, balanced=True
        )

    def merit(self, right: NDArray[np.bool_], own: NDArray[np.bool_]) -> float:
        """The share right, every label counting the same, less one standard error of what it is
        better or worse than `own` over the groups of each label; both (N,).
        """
        _, label, counts = np.unique(self.targets, return_inverse=True, return_counts=True)
        weights = 1 / (len(counts) * counts[label])
        names = [f"{a}/{b}" for a, b in zip(self.groups, self.targets, strict=True)]
        _, cells = np.unique(names, return_inverse=True)
        better = np.bincount(cells, weights * (right.astype(float) - own))
        return float((weights * right).sum() - np.sqrt(len(better)) * better.std(ddof=1))


def _trial(
    split: Split, windows: TrialWindows, lone: Sequence[int], folds: int, longest_s: float
) -> Trial:
    """Groups are left out, of a lone label stretches of its recordings; no folds where some would
    learn nothing of a label.
    """
    targets = split.dataset.targets()[windows.sample]
    groups = np.array(split.dataset.groups())[windows.sample]
    cut = np.isin(targets, lone)
    stretch = np.minimum(windows.along * folds, folds - 1).astype(int)
    named = [f"{a}/{b}" if c else a for a, b, c in zip(groups, stretch, cut, strict=True)]
    pairs = [_apart(one, windows, cut, longest_s) for one in left_out(targets, np.array(named))]
    whole = all(len(np.unique(targets[seen])) == len(np.unique(targets)) for seen, _ in pairs)
    return Trial(targets, np.array(named), pairs if whole else [])


def _apart(fold: Fold, windows: TrialWindows, cut: NDArray[np.bool_], longest_s: float) -> Fold:
    """Of recordings that are cut nothing is seen that overlaps, in the longest window, with what is
    held: the same windows for every length.
    """
    seen, held = fold
    starts_s = windows.along * (windows.lasts_s - longest_s)
    theirs = held[cut[held]]
    near = np.abs(np.subtract.outer(starts_s[seen], starts_s[theirs])) < longest_s
    same = np.equal.outer(windows.sample[seen], windows.sample[theirs])
    return seen[~(near & same).any(axis=1)], held


def _groups_of_labels(split: Split) -> tuple[list[int], int]:
    """The labels with recordings of one group only, and the fewest groups of any other."""
    targets = split.dataset.targets()[split.train]
    groups = np.array(split.dataset.groups())[split.train]
    counts = {int(one): len(np.unique(groups[targets == one])) for one in np.unique(targets)}
    several = [count for count in counts.values() if count > 1]
    return [one for one, count in counts.items() if count == 1], min(several, default=0)


def _compared(several: Sequence[VibrationInput], fewest: int) -> list[int]:
    """Places of what is compared: all, or where groups are few the widest views of each window."""
    if fewest >= LEAST_GROUPS:
        return list(range(len(several)))
    lengths = [one.window_samples for one in several]
    return sorted(lengths.index(one) for one in set(lengths))


def _longest_s(several: Sequence[VibrationInput]) -> float:
    return max(one.window_samples for one in several) / several[0].rate_hz
