"""golden/: a few raw held-out files, good and bad, that travel with the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.run_folder.golden import GoldenFile
from edge_agent.contracts.run_folder.write import write_golden_list
from trainer.data.prepare import read_sample
from trainer.data.process.windows import window_csv
from trainer.evaluation.withheld import show_no_part
from trainer.run_folder.target import slug
from trainer.workflow.experiment import Experiment

MOST_GOLDEN = 8


def write_golden(run: Path, experiment: Experiment) -> None:
    """Write up to eight raw files and their list into RUN/golden: labels in turn, those with the
    right verdict first.

    A stretch of a recording is written as .npz with columns axis0, axis1, ...
    """
    folder = run / "golden"
    folder.mkdir()
    dataset = experiment.split.dataset
    golden = []
    for number, row in enumerate(golden_rows(experiment)):
        index = int(experiment.test.indices[row])
        stem = f"{number}-{slug(dataset.samples[index].label)}"
        golden.append(_write_one(folder, experiment, index, stem))
    write_golden_list(run, golden)


def golden_rows(experiment: Experiment) -> list[int]:
    """Rows of the held-out samples chosen: good labels first, then the others, in turn."""
    dataset, judged = experiment.split.dataset, experiment.test
    good = experiment.spec.good
    right: dict[str, list[int]] = {}
    wrong: dict[str, list[int]] = {}
    lost = show_no_part(experiment.held_out, judged.indices, experiment.spec)
    for row, index in enumerate(judged.indices):
        if lost[row]:
            continue
        label = dataset.samples[int(index)].label
        verdict = judged.verdicts[row]
        agrees = verdict != "NO-VERDICT" and (verdict == "FAIL") == (label not in good)
        (right if agrees else wrong).setdefault(label, []).append(row)
    labels = sorted({*right, *wrong}, key=lambda label: (label not in good, label))
    queues = [right.get(label, []) + wrong.get(label, []) for label in labels]
    deepest = max((len(queue) for queue in queues), default=0)
    chosen = [queue[turn] for turn in range(deepest) for queue in queues if turn < len(queue)]
    return chosen[:MOST_GOLDEN]


def _write_one(folder: Path, experiment: Experiment, index: int, stem: str) -> GoldenFile:
    dataset = experiment.split.dataset
    sample, source = dataset.samples[index], dataset.file(index)
    whole = sample.span == (0.0, 1.0)
    target = folder / f"{stem}{source.suffix.lower() if whole else '.npz'}"
    if isinstance(experiment.spec.input, TabularInput):
        return _write_rows(target.with_suffix(".csv"), experiment, index, experiment.spec.input)
    golden = GoldenFile(file=target.name, label=sample.label)
    if dataset.config.vibration is not None:
        golden = _write_recording(target, experiment, index, whole)
    if whole:
        write_atomic(target, source.read_bytes())
    return golden


def _write_recording(target: Path, experiment: Experiment, index: int, whole: bool) -> GoldenFile:
    """The entry of a recording; a stretch of one is written too."""
    dataset = experiment.split.dataset
    recording = read_sample(dataset, index)
    axes = list(recording.axes)
    if not whole:
        columns = {f"axis{n}": column for n, column in enumerate(recording.signal.T)}
        np.savez_compressed(target, allow_pickle=False, **columns)
        axes = list(columns)
    return GoldenFile(
        file=target.name,
        label=dataset.samples[index].label,
        rate_hz=recording.rate_hz,
        axes=axes,
        rpm=recording.rpm,
    )


def _write_rows(target: Path, experiment: Experiment, index: int, spec: TabularInput) -> GoldenFile:
    """The row of the sample with those before it that the model looks back on, as a CSV."""
    sample = experiment.split.dataset.samples[index]
    text = window_csv(experiment.split.dataset, index, spec)
    write_atomic(target, text.encode())
    return GoldenFile(file=target.name, label=sample.label)
