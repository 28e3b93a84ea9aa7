from __future__ import annotations

import pytest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.run_folder.rows import Prediction
from trainer.evaluation.mistakes import rank_mistakes

LABELS = ["dent", "ok", "scratch"]


def spec_of(good: list[str], threshold: float = 0.5) -> ModelSpec:
    return ModelSpec(
        name="plates",
        task="image-class",
        architecture="cnn",
        labels=LABELS,
        good=good,
        input=ImageInput(width_px=8, height_px=8),
        scoring=Scoring(threshold=threshold),
    )


def row(label: str, predicted: str, score: float, verdict: str) -> Prediction:
    logits = {name: 2.0 if name == predicted else 0.0 for name in LABELS}
    return Prediction(0, f"{label}.png", label, predicted, score, verdict, logits)


def test_wrong_verdicts_come_first_then_wrong_labels_then_close_calls() -> None:
    rows = [
        row("ok", "ok", 0.01, "PASS"),
        row("ok", "ok", 0.45, "PASS"),
        row("dent", "scratch", 0.9, "FAIL"),
        row("ok", "dent", 0.7, "FAIL"),
        row("dent", "ok", 0.1, "PASS"),
    ]
    found = rank_mistakes(spec_of(["ok"]), rows)
    assert [mistake.index for mistake in found] == [4, 3, 2, 1, 0]
    kinds = [mistake.kind for mistake in found]
    assert kinds == ["escape", "false reject", "wrong label", "close call", "right"]


def test_without_good_labels_only_labels_can_be_wrong() -> None:
    rows = [row("dent", "dent", 1.0, "FAIL"), row("scratch", "dent", 1.0, "FAIL")]
    assert [m.kind for m in rank_mistakes(spec_of([]), rows)] == ["wrong label", "right"]


@pytest.mark.parametrize(
    ("score", "kind"),
    [(0.01, "right"), (0.39, "right"), (0.41, "close call"), (0.49, "close call")],
)
def test_only_a_score_near_the_threshold_is_a_close_call(score: float, kind: str) -> None:
    assert rank_mistakes(spec_of(["ok"]), [row("ok", "ok", score, "PASS")])[0].kind == kind


@pytest.mark.parametrize("count", [3, 60])
def test_at_most_24_are_ranked(count: int) -> None:
    rows = [row("ok", "ok", n / 100, "PASS") for n in range(count)]
    assert len(rank_mistakes(spec_of(["ok"]), rows)) == min(24, count)
