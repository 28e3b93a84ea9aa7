"""A bundle that is not int8 says why, and what that costs on its target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge_agent.contracts.model.target_cost import Work, find_cost
from edge_agent.contracts.run_folder.run import open_run
from quantize.convert.conversion_process import Converted, FloatOutputs
from quantize.prove.comparison_text import card
from quantize.prove.page import with_comparison
from quantize.prove.rung_cost import rung_sentence
from quantize.prove.trial import VariantTrial
from quantize.targets.all_targets import find_target
from tests.quantize.prove.test_page import compared
from tests.run_folders import write_image_run

INT8 = VariantTrial("int8", 900, "7 bad parts newly passed, 0 allowed", predicted_ms=200.0)
FLOAT16 = VariantTrial("float16", 2000, "", predicted_ms=500.0)
SENTENCE = (
    "float16 and not int8, because int8: 7 bad parts newly passed, 0 allowed. "
    "On rpi4 it is predicted to take 500 ms, 2.50 times the 200 ms of int8 "
    "(one thread, within a factor of 2: estimated from"
)


def test_the_sentence_has_the_reason_the_time_and_its_error() -> None:
    said = rung_sentence([INT8, FLOAT16], find_target("rpi4"))
    assert said.startswith(SENTENCE)
    assert "lineside-quantize bench" in said


def test_where_the_first_variant_held_nothing_is_said() -> None:
    assert rung_sentence([FLOAT16], find_target("rpi4")) == ""


def test_a_variant_that_was_never_converted_has_no_time() -> None:
    failed = VariantTrial("int8", 0, "no int8 operator for Erf")
    said = rung_sentence([failed, FLOAT16], find_target("x86"))
    assert "On x86 it is predicted to take 500 ms (one thread" in said
    assert "of int8 (" not in said
    bare = rung_sentence([failed, replace(FLOAT16, predicted_ms=None)], find_target("x86"))
    assert bare == "float16 and not int8, because int8: no int8 operator for Erf"


def test_card_and_report_show_it(tmp_path: Path) -> None:
    run = open_run(write_image_run(tmp_path / "run", escapes=0))
    trials, target = [INT8, FLOAT16], find_target("rpi4")
    comparison = compared(run, 0)
    outputs = FloatOutputs(run.calibration[:0], run.calibration[:0])
    converted = Converted(b"", outputs, "float16", 1.0, 100)
    assert SENTENCE in card("", comparison, converted, target, trials)
    text = with_comparison("", run, comparison, trials, target=target)
    assert SENTENCE in text
    assert ">500<" in text


def test_float_takes_longer_than_int8_on_every_cpu() -> None:
    """As published for MobileNetV2 on a Raspberry Pi 4: 46 and 17 ms."""
    ms = [
        find_cost("rpi4").predict_ms(one)
        for one in (Work(float_macs=300_000_000), Work(convolution_macs=300_000_000))
    ]
    assert ms[0] / ms[1] > 46 / 17 - 0.5
