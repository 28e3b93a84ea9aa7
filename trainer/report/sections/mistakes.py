"""The report's gallery of the worst mistakes: what the network saw, and what it made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import InputSpec
from edge_agent.contracts.run_folder.network import HeldOutInputs
from edge_agent.contracts.run_folder.rows import Prediction
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.evaluation.mistakes import MISTAKES, MOST, Mistake, rank_mistakes
from trainer.report.figures import bands, waveform
from trainer.report.rendering import Table, image_source, render
from trainer.report.sections.gallery import thumbnail_source
from trainer.run_folder.run import FittedRun

MOST_TAGS = 12
LOOK_FOR = {
    "image": "bad light and defects that have no label",
    "vibration": "loose sensors and faults that have no label",
    "tabular": "wrong entries and causes that no tag measures",
}


def mistakes(run: FittedRun) -> Markup:
    """The 24 worst mistakes, or the samples nearest the threshold where there are fewer."""
    if run.spec.scoring.kind == "value":
        return Markup()
    ranked = rank_mistakes(run.spec, run.predictions, len(run.predictions))
    wrong = sum(one.kind in MISTAKES for one in ranked)
    held_out, tags = run.held_out, run.held_out_tags()
    return render(
        "mistakes.html",
        summary=_summary(wrong, len(ranked)),
        look_for=LOOK_FOR[run.spec.input.kind],
        is_image=run.spec.input.kind == "image",
        chart_key=chart_key(run.spec.input),
        mistakes=[_view(run, one, held_out, tags) for one in ranked[:MOST]],
    )


def tags_table(tags: Mapping[str, str]) -> Table:
    """The first MOST_TAGS tags of a row."""
    cells = list(tags.items())
    shown = [[name, value or "-"] for name, value in cells[:MOST_TAGS]]
    left = len(cells) - len(shown)
    return Table([], [*shown, *([["and more", str(left)]] if left else [])])


def chart_key(spec: InputSpec) -> str:
    """What the curves of a recording are, where they are no signal; else nothing."""
    if not isinstance(spec, VibrationInput) or not spec.views:
        return ""
    kinds = ", ".join(dict.fromkeys(view.kind for view in spec.views))
    unit = ", in standard deviations from the mean of the training" if spec.standard else ""
    return (
        f"A curve is one channel of what the network takes of a window ({kinds}), bin by bin from "
        f"low to high{unit}; the first three channels are drawn."
    )


def _summary(wrong: int, total: int) -> str:
    """What is shown, in one sentence."""
    if not wrong:
        return "No mistake. Shown are the samples whose scores are nearest the threshold."
    count = "1 mistake" if wrong == 1 else f"{wrong} mistakes"
    if wrong > MOST:
        return f"The {MOST} worst of {count}."
    rest = ", then the samples whose scores are nearest the threshold" if wrong < total else ""
    return f"{count}{rest}."


def _view(
    run: FittedRun, mistake: Mistake, held_out: HeldOutInputs, tags: Sequence[Mapping[str, str]]
) -> dict[str, object]:
    one = mistake.prediction
    return {
        "kind": mistake.kind,
        "label": one.label,
        "predicted": one.predicted,
        "score": one.score,
        "path": one.path,
        "name": "/".join(Path(one.path).parts[-2:]),
        "lost": run.spec.saw_no_part(one.needs_baseline),
        "source": _source(run, one, held_out),
        "chart": _chart(run, one.row, held_out, bool(tags)),
        "tags": tags_table(tags[mistake.index]) if mistake.index < len(tags) else None,
    }


def _source(run: FittedRun, one: Prediction, held_out: HeldOutInputs) -> str:
    """What an image network saw of the sample; of a frame without a part the whole of it."""
    if run.spec.saw_no_part(one.needs_baseline):
        return thumbnail_source(run.thumbnails, one.path)
    inputs = held_out.of(one.row)
    is_image = isinstance(run.spec.input, ImageInput)
    return image_source(inputs[0]) if is_image and len(inputs) else ""


def _chart(run: FittedRun, row: int, held_out: HeldOutInputs, has_tags: bool) -> Markup:
    """The middle window of a recording, or the features of a row that has no tags."""
    spec, inputs = run.spec.input, held_out.of(row)
    if isinstance(spec, ImageInput) or not len(inputs):
        return Markup()
    middle = inputs[len(inputs) // 2]
    if isinstance(spec, VibrationInput) and not spec.views:
        return waveform(middle * spec.full_scale, spec.rate_hz, spec.unit)
    return Markup() if has_tags else bands(middle.reshape(len(middle), -1))
