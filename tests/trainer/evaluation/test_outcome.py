from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainer.evaluation.outcome import Outcome, figures, joined


def outcome(labels: list[str], truth: list[int], scores: list[float]) -> Outcome:
    """Of a detector, which names no label and rejects from 0.5 on."""
    values = np.array(scores)
    return Outcome(
        labels,
        ["ok"],
        np.array(truth),
        np.full(len(truth), -1),
        values,
        values >= 0.5,
        [f"{labels[-1]}{n}" for n in range(len(truth))],
    )


def test_folds_with_other_defects_are_joined_by_the_names_of_their_labels() -> None:
    bent = outcome(["ok", "bent"], [0, 1, 0], [0.1, 0.9, 0.2])
    torn = outcome(["ok", "aged", "torn"], [0, 2, 1], [0.3, 0.8, 0.4])
    both = joined([bent, torn])
    assert [both.labels[n] for n in both.truth] == ["ok", "bent", "ok", "ok", "torn", "aged"]
    assert both.predicted.tolist() == [-1] * 6
    assert both.bad.tolist() == [False, True, False, False, True, True]
    assert figures(both)["auroc"].value == 1.0
    assert both.undecided is None


def test_good_parts_alone_show_what_a_detector_rejects_and_no_labels() -> None:
    found = figures(outcome(["ok"], [0, 0, 0], [0.1, 0.9, 0.2]))
    assert list(found) == ["false_reject"]
    assert found["false_reject"].value == 1 / 3
    assert found["false_reject"].ci95[1] < 0.91


def test_what_shows_no_part_is_ranked_nowhere() -> None:
    """Two empty frames with the highest scores, one of them good."""
    empty = np.array([False, False, False, True, True])
    plain = outcome(["ok", "bent"], [0, 0, 1, 0, 1], [0.1, 0.2, 0.9, 9.0, 9.0])
    verdicts = {"rejected": plain.rejected & ~empty, "undecided": empty, "unseen": empty}
    found = figures(replace(plain, **verdicts))
    assert found["auroc"].value == found["recall_at_1pct_false_reject"].value == 1.0
    assert found["auroc"].n == 3
    assert (found["undecided_bad"].value, found["undecided_good"].value) == (0.5, 1 / 3)
    assert found["detected"].value == 0.5


def test_labels_of_what_shows_no_part_are_no_part_of_f1_and_never_right() -> None:
    """A classifier that names four parts rightly, and of two empty frames one by chance."""
    truth = [0, 0, 1, 1, 0, 1]
    plain = outcome(["ok", "bent"], truth, [0.1] * 6)
    plain = replace(plain, predicted=np.array([0, 0, 1, 1, 0, 0]))
    empty = np.arange(6) >= 4
    found = figures(replace(plain, undecided=empty, unseen=empty))
    assert (found["macro_f1"].value, found["macro_f1"].n) == (1.0, 4)
    assert found["accuracy"].value == 4 / 6
    none = np.ones(6, np.bool_)
    assert "macro_f1" not in figures(replace(plain, undecided=none, unseen=none))


def test_folds_that_cut_out_and_folds_that_do_not_are_joined() -> None:
    whole = outcome(["ok", "bent"], [0, 1], [0.1, 0.9])
    lost = np.array([False, True])
    cut = replace(outcome(["ok", "bent"], [1, 0], [0.8, 0.3]), undecided=lost, unseen=lost)
    both = joined([whole, cut])
    assert both.undecided is not None
    assert both.undecided.tolist() == [False, False, False, True]
    assert both.seen.tolist() == [True, True, True, False]
    assert figures(both)["verdict_accuracy"].value == 0.75
