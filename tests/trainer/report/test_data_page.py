"""The page of a data set shows pictures of what to look at, and loads nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_agent.contracts.run_folder.metrics import CopyGroup
from edge_agent.contracts.run_folder.thumbnails import Thumbnails
from trainer.data.image.near_duplicates import CopySurvey
from trainer.data.load import load_dataset
from trainer.evaluation.label_check import LabelDoubt
from trainer.report.data_page import MOST_DOUBTS, data_page
from trainer.report.rendering import Table
from trainer.report.sections.gallery import shown, shown_groups


def test_pictures_are_bounded_and_every_name_is_text(plates: Path) -> None:
    dataset = load_dataset(plates)
    count = len(dataset.samples)
    copies = CopySurvey(np.minimum(np.arange(count) // 12, 4), exact=0, alike=count)
    doubts = [LabelDoubt(one.path, "<b>ok", "scratch", 0.9) for one in dataset.samples[30:50]]
    table = Table(["label"], [["<script>"]])
    text = data_page(dataset, ["a <i> note"], table, copies, doubts)
    assert text.count("<img ") == 3 * 6 + MOST_DOUBTS
    assert text.count("data:image/jpeg;base64,") == text.count("<img ")
    assert len(text) < 400_000
    for part in ("a &lt;i&gt; note", "&lt;script&gt;", "20 labels are doubtful", "and 6 more"):
        assert part in text
    assert "<script" not in text


def test_a_data_set_without_copies_or_doubts_has_a_page_without_pictures(plates: Path) -> None:
    dataset = load_dataset(plates)
    alone = CopySurvey(np.arange(len(dataset.samples)), exact=0, alike=0)
    text = data_page(dataset, [], copies=alone)
    assert "No copies among 60 samples" in text
    assert "<img " not in text


def test_a_sample_without_a_thumbnail_keeps_its_name() -> None:
    one = shown(Thumbnails(), "a/b/c.png", "score 2")
    assert (one["source"], one["name"], one["lines"]) == ("", "b/c.png", ("score 2",))


def test_a_group_with_several_labels_is_marked() -> None:
    groups = [CopyGroup(samples=9, labels=["ok", "dent"], paths=["a.png", "b.png"])]
    (group,) = shown_groups(groups, Thumbnails(jpegs={"b.png": "/9j/"}))
    assert (group["mixed"], group["left"]) == (True, 7)
