from __future__ import annotations

import pytest

from trainer.report.words import as_sentence, interval, rivalled, sentence, written


def counted(value: float, n: int) -> dict[str, float]:
    return {"value": value, "n": n}


def test_the_result_is_told_in_counts() -> None:
    held = {"detected": counted(0.98, 100), "false_reject": counted(1.0, 1)}
    assert sentence(held, ["ok"]) == (
        "Of 100 defective samples never seen in training, 98 were found and 2 escaped. "
        "Of 1 good one, 1 was rejected."
    )


def test_without_good_labels_right_labels_are_counted() -> None:
    said = sentence({"accuracy": counted(0.9, 20)}, [])
    assert said == "18 of 20 samples never seen in training got their right label."


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("accuracy", 0.98765, "98.8 %"), ("auroc", 0.98765, "0.9877"), ("auroc", float("nan"), "-")],
)
def test_figures_carry_their_unit(name: str, value: float, text: str) -> None:
    assert written(name, value) == text


def test_intervals_of_shares_are_per_cent() -> None:
    assert interval("accuracy", {"ci95": [0.5, 1.0]}) == "50.0 – 100.0 %"


@pytest.mark.parametrize(
    ("note", "said"),
    [("taught by a forest", "Taught by a forest."), ("Enough.", "Enough.")],
)
def test_notes_become_sentences(note: str, said: str) -> None:
    assert as_sentence(note) == said


def test_a_rule_that_does_as_well_is_named_with_both_figures() -> None:
    rules = {
        "majority": {"accuracy": counted(0.5, 40)},
        "brightness, nearest": {"accuracy": counted(0.2, 40)},
    }
    said = rivalled({"accuracy": counted(0.5, 40), "auroc": counted(0.6, 40)}, rules)
    assert "'majority', which needs no network, does as well" in said
    assert "(Right label 50.0 %, the network 50.0 %)" in said
    assert rivalled({"accuracy": counted(0.51, 40)}, rules) == ""


def test_a_detector_is_held_against_distances() -> None:
    rules = {"thumbnail, distance to good": {"auroc": counted(0.93, 40)}}
    held = {"auroc": counted(0.9, 40), "accuracy": counted(0.4, 40)}
    assert "AUROC 0.9300, the network 0.9000" in rivalled(held, rules)
    assert rivalled({**held, "auroc": counted(0.95, 40)}, rules) == ""
    assert rivalled(held, {}) == ""
