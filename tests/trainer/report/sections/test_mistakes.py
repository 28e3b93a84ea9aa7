from __future__ import annotations

from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.views import SpectrumView
from trainer.report.rendering import render
from trainer.report.sections.mistakes import MOST_TAGS, chart_key, tags_table


def test_a_row_of_a_table_is_shown_by_its_tags() -> None:
    shown = tags_table({"torque [Nm]": "38.2", "shift": ""})
    assert shown.rows == [["torque [Nm]", "38.2"], ["shift", "-"]]


def test_of_many_tags_the_first_are_shown_and_the_rest_counted() -> None:
    shown = tags_table({f"tag {n}": "1" for n in range(MOST_TAGS + 5)})
    assert [name for name, _ in shown.rows] == [*(f"tag {n}" for n in range(MOST_TAGS)), "and more"]
    assert shown.rows[-1] == ["and more", "5"]


def test_a_tag_with_markup_is_escaped() -> None:
    page = render(
        "mistakes.html",
        summary="1 mistake.",
        look_for="x",
        is_image=False,
        chart_key="",
        mistakes=[
            {
                "kind": "escape",
                "lost": False,
                "label": "a<b>",
                "predicted": "ok",
                "score": 0.1,
                "path": 'p"><script>',
                "name": "p",
                "source": "",
                "chart": "",
                "tags": tags_table({"shift <A>": "\x1b[2J"}),
            }
        ],
    )
    assert "shift &lt;A&gt;" in page
    assert "\x1b" not in page
    assert "<script" not in page
    assert "a&lt;b&gt;" in page


def test_curves_that_are_no_signal_are_explained() -> None:
    signal = VibrationInput(rate_hz=1000, axes=["x"], window_samples=1000, hop_samples=1000)
    view = SpectrumView(bins=24, low_hz=1, high_hz=400)
    assert chart_key(signal) == ""
    assert "takes of a window (spectrum), bin by bin" in chart_key(
        signal.model_copy(update={"views": [view]})
    )
