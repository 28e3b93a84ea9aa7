from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from edge_agent.contracts.run_folder.rows import History
from trainer.report.figures import (
    best_epoch,
    confusion_matrix,
    learning_curves,
    scatter,
    score_histogram,
)

NAN = float("nan")


def history(*rows: tuple[int, float, float]) -> History:
    epochs, loss, val_loss = zip(*rows, strict=True)
    columns = {"epoch": epochs, "loss": loss, "val_loss": val_loss}
    return {name: np.array(column, np.float64) for name, column in columns.items()}


@pytest.mark.parametrize(
    ("rows", "best"),
    [
        ([(1, 0.9, 0.8), (2, 0.5, 0.4), (3, 0.2, 0.6)], 2),
        ([(0, NAN, 0.06), (1, 1.05, 0.30)], 0),
        ([(1, 0.9, NAN), (2, 0.5, 0.4)], 2),
        ([(1, 0.9, NAN), (2, 0.5, NAN)], None),
    ],
    ids=["from one", "from nothing", "late validation", "no validation"],
)
def test_the_best_epoch_is_numbered_as_in_the_history(
    rows: list[tuple[int, float, float]], best: int | None
) -> None:
    assert best_epoch(history(*rows)) == best


def test_curve_without_validation_shows_none() -> None:
    drawn = learning_curves({"epoch": np.array([1.0, 2.0]), "loss": np.array([0.9, 0.5])})
    assert "training" in drawn
    assert "validation" not in drawn
    assert "the one used" not in drawn


@pytest.mark.parametrize(
    "label", ["$x^$", r"\frac{", "合格$", "<script>a()</script>", "a\x00b\x1b[2J"]
)
def test_a_hostile_label_is_plain_text_in_a_chart(label: str) -> None:
    drawn = confusion_matrix(np.array([[3, 0], [1, 2]]), ["ok", label])
    assert "<script" not in drawn
    texts = [one.text for one in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    shown = label.replace("\x00", "\\x00").replace("\x1b", "\\x1b")
    assert texts.count(shown) == 2


def test_a_hostile_name_of_a_value_is_plain_text_in_a_chart() -> None:
    values = np.linspace(1, 2, 5)
    drawn = scatter(values, values, np.stack([values, values], axis=1), "$<img src=x>")
    assert "<img" not in drawn
    ET.fromstring(drawn)


def test_counts_of_a_histogram_are_plain_numbers() -> None:
    scores = np.concatenate([np.zeros(30), np.ones(3)])
    drawn = str(score_histogram(scores > 0.5, scores, 0.5))
    assert "mathdefault" not in drawn
