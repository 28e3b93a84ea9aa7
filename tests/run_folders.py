"""A small run folder written by hand, whatever its labels and file names: no network is fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.toml import toml_text
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.run_folder import files, write
from edge_agent.contracts.run_folder.golden import GoldenFile
from edge_agent.contracts.run_folder.metrics import (
    BaselineMetrics,
    ClassMetrics,
    CopyGroup,
    DisturbanceMetrics,
    DoubtedLabel,
    ExtremeGoodPart,
    GbmReference,
    GoodOnlyThreshold,
    HeldOutMetrics,
    LabelDoubts,
    Metric,
    PolicyCounts,
    RunMetrics,
    SampleCounts,
    SplitAsGiven,
    ThresholdPolicy,
)
from edge_agent.contracts.run_folder.rows import Prediction, SplitRow
from edge_agent.contracts.run_folder.saliency import Overlay, Saliency
from edge_agent.contracts.run_folder.thumbnails import Thumbnails

JPEG = "/9j/"
"""The first bytes of one, in base64."""

PNG = b"\x89PNG\r\n\x1a\n"


def metric(value: float, n: int = 40, interval: str = "by hand") -> Metric:
    return Metric(value, (max(0.0, value - 0.1), min(1.0, value + 0.1)), n, interval)


def write_image_run(
    folder: Path,
    good: str = "ok",
    bad: str = "dent",
    text: str = "as it is",
    path: str = "LABEL/ROW.png",
    defects: int = 20,
    parts: int = 20,
    escapes: int = 1,
) -> Path:
    """An image-class run whose held-out samples are judged rightly but for `escapes`.

    text: stands for every sentence of metrics.json; path: of the samples; LABEL and ROW in it are
    filled in.
    """
    folder.mkdir(parents=True)
    spec = ModelSpec(
        name="plates",
        task="image-class",
        architecture="cnn",
        labels=[bad, good],
        good=[good],
        input=ImageInput(width_px=16, height_px=16),
        scoring=Scoring(chosen_by=text),
    )
    provenance = Provenance(
        dataset_sha256="0" * 64,
        training_samples=10,
        held_out_samples=defects + parts,
        seed=1,
        created_at="2026-01-01T00:00:00Z",
        trained_with={"keras": text},
    )
    truth = [bad] * defects + [good] * parts
    rows = [_prediction(n, label, good, bad, n < escapes, path) for n, label in enumerate(truth)]
    samples = [SplitRow(one.path, one.label, f"{text}{one.row}", "test") for one in rows]
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 255, (len(rows) + 12, 16, 16, 3), np.uint8)
    metrics = _metrics(good, bad, text, defects, parts, rows[0].path)
    write.write_thumbnails(folder, Thumbnails(jpegs={rows[0].path: JPEG}))
    write.write_documents(folder, spec, provenance, metrics)
    write.write_predictions(folder, rows)
    write.write_validation(folder, rows)
    write.write_splits(folder, samples)
    write.write_history(folder, [{"epoch": 1, "loss": 0.5, "val_loss": 0.4}])
    write.write_held_out(folder, pixels[: len(rows)], np.arange(len(rows)))
    write.write_calibration(folder, pixels[len(rows) :])
    write.write_golden_list(folder, [GoldenFile(file="0.png", label=bad)])
    overlay = Overlay(overlay="0.png", path=rows[0].path, label=bad, verdict="FAIL")
    write.write_saliency(folder, Saliency(sanity=0.1, pictures=[overlay]))
    write_atomic(folder / "explained" / "0.png", PNG)
    config = {"model": "cnn", "dataset": text, "name": "plates"}
    write_atomic(folder / files.CONFIG, toml_text(config).encode())
    write_atomic(folder / files.MODEL, b"no network")
    return folder


def _prediction(row: int, label: str, good: str, bad: str, mistaken: bool, path: str) -> Prediction:
    is_bad = (label == bad) != mistaken
    logits = {bad: 2.0 if is_bad else -2.0, good: 0.0}
    predicted, verdict = (bad, "FAIL") if is_bad else (good, "PASS")
    score = 0.88 if is_bad else 0.12
    name = path.replace("LABEL", label).replace("ROW", str(row))
    return Prediction(row, name, label, predicted, score, verdict, logits)


def _metrics(good: str, bad: str, text: str, defects: int, parts: int, path: str) -> RunMetrics:
    counts = PolicyCounts(
        bad=20, escapes=1, escape_share_below=0.2, good=20, rejects=0, reject_share_below=0.1
    )
    row = ClassMetrics(precision=1, recall=1, f1=1, n=20)
    held = HeldOutMetrics(
        accuracy=metric(0.975, interval=text),
        detected=metric(0.95, defects) if defects and parts else None,
        false_reject=metric(0.0, parts) if defects and parts else None,
        auroc=metric(0.97) if defects and parts else None,
    )
    return RunMetrics(
        task="image-class",
        model="cnn",
        parameters=1000,
        protocol=text,
        samples=SampleCounts(train=10, val=10, test=defects + parts),
        decisions=[text],
        held_out=held,
        per_class={bad: row, good: row},
        disturbances={text: DisturbanceMetrics(n=40, verdicts_changed=0.1, accuracy=0.9)},
        baselines={text: BaselineMetrics(accuracy=metric(0.99))},
        gbm_reference=GbmReference(
            name=text, figure="rmse", rmse=metric(1), ahead=metric(0), sentence=text
        ),
        threshold_policy=ThresholdPolicy(
            rule=text,
            proven=False,
            more_good=0,
            more_bad=9,
            cut=0.5,
            chosen_on=counts,
            held_out=counts,
        ),
        copies=[text],
        copy_groups=[CopyGroup(samples=7, labels=[bad, good], paths=[path])],
        good_only=GoodOnlyThreshold(
            threshold=2.0,
            judged=31,
            left_out=1,
            with_all=3.0,
            extreme_count=1,
            extreme=[ExtremeGoodPart(path=path, score=4.25)],
            without_extreme=1.5,
        ),
        label_doubts=LabelDoubts(
            judged=500,
            doubted=2,
            surest=[
                DoubtedLabel(path=path, label=good, suggested=bad, belief=0.975, in_given=0.02)
            ],
        ),
        split_as_given=SplitAsGiven(protocol=text, figures=held),
        notes=[text],
    )
