from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.__main__ import main
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import plan_split
from trainer.evaluation.label_errors import judged_labels, probable_label_errors
from trainer.evaluation.outcome import figures
from trainer.workflow.kfold import (
    NO_PART,
    Judgements,
    Row,
    _fold_rows,
    baseline_shares,
    document_of,
    with_folds,
)
from trainer.workflow.kfold_files import rows_out_of_fold


def test_drawn_folds_cut_no_group_and_hold_every_label(plates: Path) -> None:
    dataset = with_folds(load_dataset(plates), 4, seed=1)
    homes: dict[str, set[str]] = {}
    for sample in dataset.samples:
        homes.setdefault(sample.group, set()).add(sample.fold)
    assert all(len(folds) == 1 for folds in homes.values())
    assert {(s.fold, s.label) for s in dataset.samples} == {
        (str(fold), label) for fold in range(4) for label in ("ok", "scratch")
    }


def test_more_folds_than_groups_are_refused(plates: Path) -> None:
    with pytest.raises(ConfigError, match=r"has 10 groups: take 3 to 10 folds, or collect"):
        with_folds(load_dataset(plates), 11, seed=1)


def test_few_groups_of_defects_are_enough_for_a_model_of_good_parts(plates: Path) -> None:
    dataset = load_dataset(plates)
    config = dataset.config.model_copy(update={"task": "image-anomaly"})
    few = [s for s in dataset.samples if s.label == "ok" or s.group in ("1", "3")]
    detector = with_folds(replace(dataset, config=config, samples=tuple(few)), 5, seed=1)
    judged = []
    for fold in "01234":
        split = plan_split(detector, FitConfig(held_out=[fold]))
        assert not split.dataset.is_bad()[[*split.train, *split.val]].any()
        judged += [
            split.dataset.samples[i].path
            for i in split.test
            if split.dataset.samples[i].fold == fold
        ]
    assert sorted(judged) == sorted(one.path for one in few)


def test_planted_label_errors_come_first() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 300)
    belief = np.full((300, 3), 0.05)
    belief[np.arange(300), truth] = 0.9
    belief += rng.uniform(0, 0.05, belief.shape)
    given = truth.copy()
    wrong = rng.choice(300, 12, replace=False)
    given[wrong] = (given[wrong] + 1) % 3
    found = probable_label_errors(belief / belief.sum(axis=1, keepdims=True), given)
    right = sum(doubt.row in wrong and doubt.suggested == truth[doubt.row] for doubt in found[:12])
    assert right >= 10


def test_only_a_sure_network_raises_a_doubt() -> None:
    logits = np.array([[4.0, 0, 0]] * 9 + [[0, 5.0, 0], [0.2, 0.3, 0.2]] + [[0, 2.0, 0]] * 9)
    given = np.array([0] * 11 + [1] * 8 + [2])
    samples = np.arange(100, 120)
    doubts = judged_labels(samples, logits, given).doubts()
    assert [int(samples[one.row]) for one in doubts] == [109, 119]
    assert {one.suggested for one in doubts} == {1}


def test_figures_of_a_crossvalidation_are_those_of_all_its_folds(plates: Path) -> None:
    dataset = with_folds(load_dataset(plates), 3, seed=1)
    rows: list[Row] = []
    for sample, group in zip(dataset.samples, dataset.groups(), strict=True):
        other = "scratch" if sample.label == "ok" else "ok"
        wrong = sample.path == "ok/00_0.png"
        row: Row = {"path": sample.path, "label": sample.label, "group": group}
        row |= {"fold": sample.fold, "predicted": other if wrong else sample.label, "score": 0.5}
        row |= {"verdict": "PASS", f"p_{sample.label}": 0.1 if wrong else 0.9}
        row |= {f"p_{other}": 0.9 if wrong else 0.1, "baseline_majority": "ok"}
        rows.append(row)
    found = document_of(dataset, [Judgements(1, dataset.labels, dataset.good, rows)])
    assert (found["samples"], found["groups"]) == (60, 20)
    assert found["figures"]["accuracy"]["value"] == pytest.approx(59 / 60, abs=1e-4)
    assert {"precision", "recall", "f1", "auroc", "average_precision"} < set(
        found["per_class"]["scratch"]
    )
    assert found["baselines"] == {"majority": 0.5}
    assert [doubt["path"] for doubt in found["label_doubts"]] == ["ok/00_0.png"]


def test_frames_without_a_part_count_in_no_ranking() -> None:
    """Their scores are those of a black picture; they are no pass either."""
    said = [("ok", 0.1, "PASS"), ("ok", 0.2, "PASS"), ("dent", 0.9, "FAIL"), ("dent", 0.8, "FAIL")]
    rows = [
        {"path": f"{n}.png", "label": label, "group": str(n), "fold": "1"}
        | {"predicted": label, "score": score, "verdict": verdict}
        for n, (label, score, verdict) in enumerate(said)
    ]
    lost = {**rows[0], "path": "lost.png", "group": "lost", "verdict": "NO-VERDICT", "score": 1e6}
    several = (rows, [*rows, lost | {NO_PART: "yes"}], [*rows, lost])
    seen, found, worse = (
        figures(Judgements(1, ["ok", "dent"], ["ok"], some).outcome()) for some in several
    )
    assert found["auroc"].value == seen["auroc"].value == 1.0
    assert found["undecided_good"].value == pytest.approx(1 / 3)
    assert worse["auroc"].value < 1


def test_a_guess_on_a_frame_without_a_part_is_never_right() -> None:
    seen = {"path": "a.png", "label": "ok", "predicted": "ok", "baseline_majority": "ok"}
    lost = {**seen, "path": "lost.png", NO_PART: "yes"}
    for rows, share in (([seen, seen], 1.0), ([seen, lost], 0.5)):
        assert baseline_shares(Judgements(1, ["ok"], ["ok"], rows)) == {"majority": share}


def test_a_column_of_frames_without_a_part_is_written_where_there_are_any() -> None:
    seen, lost = {"path": "a.png"}, {"path": "lost.png", NO_PART: "yes"}
    first, second = (Judgements(n, [], [], rows) for n, rows in ((1, [seen]), (2, [seen, lost])))
    assert rows_out_of_fold([first]) == [{"seed": 1, "path": "a.png"}]
    told = rows_out_of_fold([first, second])
    assert [(row["seed"], row[NO_PART]) for row in told] == [(1, ""), (2, ""), (2, "yes")]


@pytest.mark.slow
def test_crossval_judges_every_sample_once_and_goes_on_where_it_stopped(
    plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "fit.toml"
    config.write_text("batch = 16\n[image]\nsize_px = 32\n")
    out = tmp_path / "cv"
    words = ["crossval", str(plates), "--folds", "3", "--epochs", "1", "--out", str(out)]
    words += ["--config", str(config), "--weights", "none", "--json"]
    words += ["--float-only"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)
    lines = (out / "out_of_fold.csv").read_text().splitlines()
    assert len({line.split(",")[1] for line in lines[1:]}) == len(lines) - 1 == 60
    assert {"majority", "brightness, nearest"} <= set(first["baselines"])
    assert {"precision", "recall", "f1", "auroc", "average_precision"} < set(
        first["per_class"]["scratch"]
    )
    assert first["int8"] == {}
    folds = sorted((out / "folds").iterdir())
    folds[0].unlink()
    written = folds[1].stat().st_mtime_ns
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert folds[1].stat().st_mtime_ns == written
    assert again["figures"] == first["figures"]


@pytest.mark.slow
def test_a_fold_is_judged_by_its_int8_network_too(plates: Path) -> None:
    dataset = with_folds(load_dataset(plates), 3, seed=1)
    config = FitConfig(epochs=1, batch=16, weights="none", image=ImageTable(size_px=32))
    held_out = [sample for sample in dataset.samples if sample.fold == "0"]
    rows = _fold_rows(dataset, config, "0", SilentProgress(), int8=True)
    assert [row["path"] for row in rows] == [sample.path for sample in held_out]
    scores = np.array([(row["score"], row["int8_score"]) for row in rows])
    assert np.ptp(scores[:, 1]) > 0
    assert np.abs(scores[:, 0] - scores[:, 1]).max() < 0.05
    assert not np.array_equal(scores[:, 0], scores[:, 1])
