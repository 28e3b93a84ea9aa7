"""A picture without a part gets no verdict, whatever the network says of black."""

from __future__ import annotations

import numpy as np

from edge_agent.contracts.image.cut_out import CutOut
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import Scoring
from trainer.data.prepare import Prepared
from trainer.evaluation.held_out import undecided_of
from trainer.evaluation.predictions import judge_all
from trainer.evaluation.withheld import show_no_part, without_part

BOX = CutOut(along=0.5, across=0.2, turned=True, least_area=0.1, most_area=0.3, least_contrast=20)
INDICES = np.array([7, 3, 5])


def spec(cut_out: CutOut | None) -> ModelSpec:
    return ModelSpec(
        name="rods",
        task="image-anomaly",
        architecture="padim",
        labels=["good"],
        good=["good"],
        input=ImageInput(width_px=16, height_px=8, cut_out=cut_out),
        scoring=Scoring(kind="anomaly", threshold=0.5),
    )


def pictures() -> Prepared:
    """Two pictures of part 3, one black; part 5 is all black; part 7 is grey."""
    shown = np.zeros((4, 8, 16, 3), np.uint8)
    shown[0] = 90
    shown[1, 2, 2] = 1
    return Prepared(shown, np.array([7, 3, 3, 5]))


def test_only_a_sample_whose_pictures_are_all_blank_shows_no_part() -> None:
    assert show_no_part(pictures(), INDICES, spec(BOX)).tolist() == [False, False, True]
    assert without_part(pictures(), INDICES, spec(BOX)) == ["", "", "always"]


def test_where_parts_are_not_cut_out_black_is_a_picture() -> None:
    assert not show_no_part(pictures(), INDICES, spec(None)).any()
    assert without_part(pictures(), INDICES, spec(None)) == []
    assert undecided_of(spec(None), ["PASS"]) is None


def test_it_is_neither_passed_nor_failed() -> None:
    for score, verdicts in ((0.1, ["PASS", "PASS"]), (0.9, ["FAIL", "FAIL"])):
        outputs, own = np.full((4, 1), score, np.float32), spec(BOX)
        needs = without_part(pictures(), INDICES, own)
        judged = judge_all(outputs, pictures(), INDICES, own.scoring, own.labels, own.good, needs)
        assert judged.verdicts == [*verdicts, "NO-VERDICT"]
        assert undecided_of(own, judged.verdicts).tolist() == [False, False, True]  # type: ignore[union-attr]
