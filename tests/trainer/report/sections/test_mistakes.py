from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.model.scoring import Scoring
from trainer.report.sections.mistakes import MOST_TAGS, tags_element, worst
from trainer.run_folder.run import Run, RunConfig


def run_of(rows: list[dict[str, str]], good: list[str], threshold: float = 0.5) -> Run:
    spec = ModelSpec(
        name="plates",
        task="image-class",
        architecture="cnn",
        labels=["dent", "ok", "scratch"],
        good=good,
        input=ImageInput(width_px=8, height_px=8),
        scoring=Scoring(threshold=threshold),
    )
    provenance = Provenance(
        dataset_sha256="0" * 64, training_samples=1, held_out_samples=1, seed=1, created_at="now"
    )
    run = Run(Path("nowhere"), RunConfig(dataset="d", name="plates"), spec, provenance, {})
    run.__dict__["predictions"] = rows
    return run


def row(label: str, predicted: str, score: float, verdict: str) -> dict[str, str]:
    logits = {
        f"logit_{name}": "2" if name == predicted else "0" for name in ("dent", "ok", "scratch")
    }
    words = {"path": f"{label}.png", "label": label, "predicted": predicted}
    return {**words, "score": str(score), "verdict": verdict, **logits}


def test_wrong_verdicts_come_first_then_wrong_labels_then_close_calls() -> None:
    rows = [
        row("ok", "ok", 0.01, "PASS"),
        row("ok", "ok", 0.45, "PASS"),
        row("dent", "scratch", 0.9, "FAIL"),
        row("ok", "dent", 0.7, "FAIL"),
        row("dent", "ok", 0.1, "PASS"),
    ]
    found = worst(run_of(rows, ["ok"]))
    assert [mistake.row for mistake in found] == [4, 3, 2, 1, 0]
    kinds = [mistake.kind for mistake in found]
    assert kinds == ["escape", "false reject", "wrong label", "close call", "close call"]


def test_without_good_labels_only_labels_can_be_wrong() -> None:
    rows = [row("dent", "dent", 1.0, "FAIL"), row("scratch", "dent", 1.0, "FAIL")]
    assert [m.kind for m in worst(run_of(rows, []))] == ["wrong label", "close call"]


@pytest.mark.parametrize("count", [3, 60])
def test_at_most_24_are_shown(count: int) -> None:
    rows = [row("ok", "ok", n / 100, "PASS") for n in range(count)]
    assert len(worst(run_of(rows, ["ok"]))) == min(24, count)


def test_row_of_a_table_is_shown_by_its_tags() -> None:
    shown = tags_element({"torque [Nm]": "38.2", "shift <A>": ""})
    assert "torque [Nm]" in shown
    assert ">38.2<" in shown
    assert "shift &lt;A&gt;" in shown
    assert "and more" not in shown
    many = tags_element({f"tag {n}": "1" for n in range(MOST_TAGS + 5)})
    assert many.count("<td>tag") == MOST_TAGS
    assert "<td>and more</td>" in many
    assert ">5<" in many
