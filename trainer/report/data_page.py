"""The page of `check` and `groups`: what a data set holds, and pictures of what to look at."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from edge_agent.contracts.run_folder.report import style
from trainer.data.image.near_duplicates import CopySurvey
from trainer.data.image.thumbnails import thumbnails
from trainer.data.samples import Dataset
from trainer.evaluation.label_check import LabelDoubt
from trainer.report.rendering import Table, render
from trainer.report.sections.gallery import shown, shown_groups

MOST_DOUBTS = 12


def data_page(
    dataset: Dataset,
    sentences: Sequence[str],
    table: Table | None = None,
    copies: CopySurvey | None = None,
    doubts: Sequence[LabelDoubt] = (),
) -> str:
    """One self-contained page. copies: the largest groups are shown; doubts: the surest first, of
    which MOST_DOUBTS are shown. Only pictures get thumbnails.
    """
    groups, surest = copies.largest(dataset) if copies else [], doubts[:MOST_DOUBTS]
    paths = [path for group in groups for path in group.paths] + [one.path for one in surest]
    small = thumbnails(dataset, paths if dataset.config.kind == "image" else [])
    return str(
        render(
            "data_page.html",
            title=dataset.root.name,
            style=Markup(style()),
            under=f"{dataset.config.task}, {len(dataset.samples)} samples",
            sentences=sentences,
            counts=table,
            found=copies.sentence() if copies else "",
            groups=render("copy_groups.html", groups=shown_groups(groups, small)),
            doubted=len(doubts),
            pictures=[
                shown(small, one.path, f"labelled {one.label}", f"looks like {one.suggested}")
                for one in surest
            ],
        )
    )
