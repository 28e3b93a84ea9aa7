"""The quantiser's figures in the trainer's report: in their places, and nothing of a name acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_agent.contracts.run_folder.run import RunFolder, open_run
from quantize.prove.gate import Comparison, Limits, compare_samples
from quantize.prove.page import upper_bound, with_comparison
from quantize.prove.trial import VariantTrial
from tests.run_folders import write_image_run
from trainer.report.page import page
from trainer.run_folder.run import open_fitted_run

TRIALS = [VariantTrial("int8", 2048, "")]


def compared(run: RunFolder, flips: int) -> Comparison:
    """As if int8 passed the first `flips` defects."""
    after = [
        replace(one, verdict="PASS", predicted=run.spec.good[0], score=0.2)
        if one.row < flips
        else one
        for one in run.predictions
    ]
    return compare_samples(run.spec, run.predictions, after, Limits())


def test_int8_stands_beside_float_in_the_acceptance_box(tmp_path: Path) -> None:
    folder = write_image_run(tmp_path / "run", escapes=0)
    report = page(open_fitted_run(folder))
    run = open_run(folder)
    text = with_comparison(report, run, compared(run, 2), TRIALS)
    box = text[text.index("<h2>Acceptance") : text.index("Signature")]
    assert box.index("Float network") < box.index("0 of 20") < box.index("int8 network")
    assert box.index("int8 network") < box.index("2 of 20")
    assert "not measured yet" not in box
    assert text.index("Signature") < text.index("Float beside the quantised network")
    assert with_comparison(text, run, compared(run, 2), TRIALS) == text


def test_a_page_of_its_own_is_made_where_there_is_no_report(tmp_path: Path) -> None:
    run = open_run(write_image_run(tmp_path / "run", escapes=0))
    text = with_comparison("", run, compared(run, 1))
    assert text.startswith("<!doctype html>")
    assert "<figure>" in text


def test_a_hostile_name_of_a_flipped_sample_is_text(tmp_path: Path) -> None:
    hostile = "</td><script>alert(1)</script>\x1b[2J\u202e\"'"
    folder = write_image_run(tmp_path / "run", bad=hostile, path=f"ROW{hostile}.png")
    run = open_run(folder)
    report = page(open_fitted_run(folder))
    text = with_comparison(report, run, compared(run, 3), TRIALS)
    assert "<script" not in text
    assert not set(text) & {"\x1b", "\u202e"}
    assert "&lt;script&gt;" in text


def test_the_bound_is_the_rule_of_three() -> None:
    assert abs(upper_bound(0, 299) - (1 - 0.05 ** (1 / 299))) < 1e-9
