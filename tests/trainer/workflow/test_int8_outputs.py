from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainer.evaluation.outcome import Outcome, figures
from trainer.workflow.int8_outputs import int8_document


def test_what_int8_changes_is_counted_by_the_truth() -> None:
    """Samples: 4 good, 4 bad; float rejects one good and three bad ones."""
    before = Outcome(
        ["bad", "ok"],
        ["ok"],
        truth=np.array([1, 1, 1, 1, 0, 0, 0, 0]),
        predicted=np.array([0, 1, 1, 1, 0, 0, 0, 1]),
        scores=np.array([0.9, 0.1, 0.2, 0.3, 0.8, 0.7, 0.6, 0.4]),
        rejected=np.array([1, 0, 0, 0, 1, 1, 1, 0], bool),
        groups=[str(n) for n in range(8)],
    )
    after = replace(
        before,
        predicted=np.array([1, 0, 0, 1, 0, 1, 0, 1]),
        rejected=np.array([0, 1, 1, 0, 1, 0, 1, 0], bool),
    )
    found = int8_document([(before, after)], figures(before), figures(after))
    assert (found["new_escapes"], found["new_rejects"], found["verdicts_changed"]) == (1, 2, 4)
    assert found["figures"]["accuracy"]["value"] == 4 / 8
    assert found["float_minus_int8"]["accuracy"] == 6 / 8 - 4 / 8
    assert found["float_minus_int8"]["auroc"] == 0


def test_a_defect_that_gets_no_verdict_is_no_escape() -> None:
    before = Outcome(
        ["bad", "ok"],
        ["ok"],
        truth=np.array([0, 1]),
        predicted=np.array([0, 1]),
        scores=np.array([0.9, 0.1]),
        rejected=np.array([True, False]),
        groups=["a", "b"],
        undecided=np.array([False, False]),
    )
    unsure = replace(before, rejected=np.array([False] * 2), undecided=np.array([True, False]))
    found = int8_document([(before, unsure)], figures(before), figures(unsure))
    assert (found["new_escapes"], found["verdicts_changed"]) == (0, 1)
