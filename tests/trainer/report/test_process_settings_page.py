"""The page of proposed process settings says what was found, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainer.evaluation.setting_effects import Dependence, Optimum, Proposal
from trainer.report.process_settings import NO_CAUSES, dependence_curve, optimised_page, result

LINE = np.linspace(20, 60, 5)
CURVE = Dependence("Torque <Nm>", LINE, LINE / 100, LINE / 110, LINE / 90)
PROPOSAL = Proposal({"Torque <Nm>": 24.5}, 0.12, 0.05, 0.07, (0.02, 0.11))
FOUND = Optimum("share of bad", 0.8, "AUROC", 500, [CURVE], PROPOSAL, "", ["500 rows"])


def test_the_result_names_gain_and_interval() -> None:
    sentence = result(FOUND)
    assert sentence == (
        "share of bad 0.12 as recorded, 0.05 expected with the proposed settings: better by 0.07 "
        "(95 % 0.02 to 0.11) if the association holds."
    )


def test_without_a_proposal_the_reason_stands_there() -> None:
    nothing = replace(FOUND, proposal=None, why="the model foretells no better than the mean")
    assert result(nothing) == ("Nothing is proposed: the model foretells no better than the mean.")


def test_the_page_claims_no_causes_and_escapes_names() -> None:
    page = optimised_page(replace(FOUND, dependences=[]), "Settings of <mill>")
    assert NO_CAUSES.split(".")[0] in page
    assert "24.5" in page
    assert "<mill>" not in page
    assert "Torque <Nm>" not in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_a_curve_is_one_svg_with_its_axis_named() -> None:
    curve = str(dependence_curve(CURVE, "share of bad"))
    assert curve.count("<svg") == 1
