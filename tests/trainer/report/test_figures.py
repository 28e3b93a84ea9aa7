from __future__ import annotations

import pytest

from trainer.report.figures import kept_epoch, learning_curves


def history(*rows: tuple[int, str, str]) -> list[dict[str, str]]:
    return [{"epoch": str(epoch), "loss": loss, "val_loss": val} for epoch, loss, val in rows]


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([(1, "0.9", "0.8"), (2, "0.5", "0.4"), (3, "0.2", "0.6")], 2),
        ([(0, "nan", "0.06"), (1, "1.05", "0.30")], 0),
        ([(1, "0.9", "nan"), (2, "0.5", "0.4")], 2),
        ([(1, "0.9", ""), (2, "0.5", "")], None),
    ],
    ids=["from one", "from nothing", "late validation", "no validation"],
)
def test_kept_epoch_is_numbered_as_in_the_history(
    rows: list[tuple[int, str, str]], kept: int | None
) -> None:
    assert kept_epoch(history(*rows)) == kept


def test_curve_without_validation_shows_none() -> None:
    drawn = learning_curves([{"epoch": "1", "loss": "0.9"}, {"epoch": "2", "loss": "0.5"}])
    assert "training" in drawn
    assert "validation" not in drawn
    assert "the one kept" not in drawn
