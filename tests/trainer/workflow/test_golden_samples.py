"""Held-out samples that travel with a model: labels in turn, right verdicts first, at most 8."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from trainer.workflow.golden_samples import MOST_GOLDEN, golden_rows


def experiment(*samples: tuple[str, str]) -> Any:
    """Held-out samples of (label, verdict); label ok is good. Row n judges sample n + 10."""
    others = [SimpleNamespace(label="other")] * 10
    listed = [SimpleNamespace(label=label) for label, _ in samples]
    return SimpleNamespace(
        split=SimpleNamespace(dataset=SimpleNamespace(samples=[*others, *listed])),
        test=SimpleNamespace(
            indices=np.arange(10, 10 + len(samples)), verdicts=[verdict for _, verdict in samples]
        ),
        spec=SimpleNamespace(good=["ok"], input=None, cuts_out=False),
        held_out=None,
    )


def test_labels_take_turns_the_good_one_first_and_right_verdicts_come_first() -> None:
    rows = golden_rows(
        experiment(
            ("dent", "PASS"),
            ("dent", "FAIL"),
            ("ok", "FAIL"),
            ("ok", "PASS"),
            ("chip", "FAIL"),
        )
    )
    assert rows == [3, 4, 1, 2, 0]


def test_a_part_without_a_verdict_comes_after_the_right_ones() -> None:
    assert golden_rows(experiment(("dent", "NO-VERDICT"), ("dent", "FAIL"))) == [1, 0]
    assert golden_rows(experiment(("ok", "NO-VERDICT"), ("ok", "PASS"))) == [1, 0]


def test_at_most_eight_are_chosen_of_a_large_label_and_all_of_a_small_one() -> None:
    rows = golden_rows(experiment(*[("ok", "PASS")] * 50, ("dent", "FAIL")))
    assert len(rows) == MOST_GOLDEN
    assert 50 in rows
    assert golden_rows(experiment()) == []
