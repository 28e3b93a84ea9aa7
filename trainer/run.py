"""The run folder: what a fit leaves for the quantiser and for people, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.files import fsync_dir, storage_error, write_atomic
from edge_agent.contracts.image import ImageInput
from edge_agent.contracts.manifest import ModelSpec, Provenance, parse_json
from trainer.config import FitConfig
from trainer.data.prepared import read_sample
from trainer.data.samples import Dataset
from trainer.data.splits import Split
from trainer.evaluate import Outcome, class_rows, figures
from trainer.experiment import Experiment
from trainer.metrics import bootstrapped, wilson
from trainer.strict_toml import read_toml, to_toml

MOST_GOLDEN = 8
CONFIG = "config.toml"
Row = Mapping[str, object]


class RunConfig(FitConfig):
    """config.toml of a run: the fit, resolved, and the data set it was made from."""

    dataset: str
    name: str


@dataclass(frozen=True)
class Run:
    """A run folder read back."""

    path: Path
    config: RunConfig
    spec: ModelSpec
    provenance: Provenance
    metrics: dict[str, object]


def slug(text: str) -> str:
    """`text` as a name that manifests accept."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return plain[:63] or "model"


def refuse_existing(path: Path, force: bool) -> None:
    """Raise ConfigError where a run would be overwritten, or where something else lies."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / CONFIG).is_file():
        raise ConfigError(
            "exists and is no run", where=str(path), cure="name another folder with --out"
        )
    if not force:
        raise ConfigError(
            "this run exists", where=str(path), cure="name another with --out, or add --force"
        )


def write_run(path: Path, experiment: Experiment, extra: Mapping[str, object]) -> None:
    """Write the run into a temporary folder beside `path`, then rename it; an old run goes.

    `extra` joins metrics.json. The report is written by the caller of `fill`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        workshop.chmod(0o755)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        fill(workshop, experiment, extra)
        _replace(workshop, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def fill(folder: Path, experiment: Experiment, extra: Mapping[str, object]) -> None:
    """Write every file of the run into `folder`."""
    from trainer.report.card import write_card
    from trainer.report.page import write_report

    split, dataset = experiment.split, experiment.split.dataset
    _write_config(folder, experiment)
    experiment.fitted.model.save(folder / "model.keras")
    write_atomic(folder / "spec.json", experiment.spec.model_dump_json(indent=1).encode())
    provenance = provenance_of(experiment)
    write_atomic(folder / "provenance.json", provenance.model_dump_json(indent=1).encode())
    write_csv(folder / "splits.csv", split_rows(split))
    write_csv(folder / "predictions.csv", prediction_rows(experiment))
    write_csv(folder / "history.csv", experiment.fitted.history)
    np.savez_compressed(folder / "calibration.npz", inputs=experiment.calibration)
    rows = experiment.held_out.rows(split.test).astype(np.int32)
    np.savez_compressed(folder / "heldout.npz", inputs=experiment.held_out.inputs, sample=rows)
    write_golden(folder / "golden", dataset, experiment)
    summary = {**metrics_of(experiment), **extra}
    write_atomic(folder / "metrics.json", json.dumps(summary, indent=1).encode())
    write_report(folder, experiment, summary)
    write_card(folder, experiment, summary)


def read_run(path: Path) -> Run:
    """Read a run folder back; raises ConfigError that names what is missing."""
    for name in (CONFIG, "spec.json", "provenance.json", "metrics.json", "model.keras"):
        if not (path / name).is_file():
            raise ConfigError(
                f"no run: {name} is missing", where=str(path), cure="lineside-train fit makes one"
            )
    spec = parse_json(ModelSpec, (path / "spec.json").read_bytes(), str(path / "spec.json"))
    text = (path / "provenance.json").read_bytes()
    provenance = parse_json(Provenance, text, str(path / "provenance.json"))
    summary = json.loads((path / "metrics.json").read_bytes())
    return Run(path, read_toml(RunConfig, path / CONFIG), spec, provenance, summary)


def provenance_of(experiment: Experiment) -> Provenance:
    """Where the model came from."""
    packages = ("lineside", "tensorflow", "keras", "numpy", "opencv-python-headless")
    return Provenance(
        dataset_sha256=experiment.split.dataset.sha256(),
        training_samples=len(experiment.split.train),
        held_out_samples=len(experiment.split.test),
        seed=experiment.config.seed,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        trained_with={name: version(name) for name in packages},
    )


def split_rows(split: Split) -> list[Row]:
    """path, label, group, split of every sample; a stretch of a recording has its span."""
    cut = any(sample.span != (0.0, 1.0) for sample in split.dataset.samples)
    rows: list[Row] = []
    for sample, name in zip(split.dataset.samples, split.names(), strict=True):
        row: dict[str, object] = {
            "path": sample.path,
            "label": sample.label,
            "group": sample.group,
            "split": name,
        }
        if cut:
            row |= {"start": round(sample.span[0], 6), "stop": round(sample.span[1], 6)}
        rows.append(row)
    return rows


def prediction_rows(experiment: Experiment) -> list[Row]:
    """One row for each held-out sample, in the order of `split.test`."""
    dataset, judged = experiment.split.dataset, experiment.test
    names = experiment.spec.labels if experiment.spec.scoring.kind == "logits" else ["score"]
    rows: list[Row] = []
    for row, index in enumerate(judged.indices):
        judgement, sample = judged.judgements[row], dataset.samples[int(index)]
        logits = zip(names, judged.logits[row], strict=True)
        rows.append(
            {
                "sample": row,
                "path": sample.path,
                "label": sample.label,
                "predicted": judgement.label,
                "score": round(judgement.score, 8),
                "verdict": judgement.verdict.value,
                **{f"logit_{name}": round(float(value), 6) for name, value in logits},
            }
        )
    return rows


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Rows of the same keys as CSV."""
    stream = io.StringIO()
    names = list(rows[0]) if rows else ["empty"]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, stream.getvalue().encode())


def metrics_of(experiment: Experiment) -> dict[str, object]:
    """metrics.json: figures of the held-out samples with intervals, protocol, baselines."""
    outcome, split = experiment.outcome, experiment.split
    held = {name: figure.as_json() for name, figure in figures(outcome).items()}
    if not isinstance(experiment.spec.input, ImageInput) and outcome.classifies:
        right, owners = experiment.window_accuracy()
        figure = bootstrapped(lambda rows: float(right[rows].mean()), owners)
        held["window_accuracy"] = figure.as_json()
    scoring = experiment.spec.scoring
    return {
        "task": experiment.spec.task,
        "model": experiment.architecture.name,
        "parameters": int(experiment.fitted.model.count_params()),
        "protocol": split.protocol,
        "decisions": list(split.dataset.decisions),
        "seeds": [experiment.config.seed],
        "samples": {
            "train": len(split.train),
            "val": len(split.val),
            "test": len(split.test),
        },
        "held_out": held,
        "per_class": class_rows(outcome) if outcome.classifies else {},
        "baselines": baseline_figures(outcome, experiment.baselines),
        "threshold": {"value": scoring.threshold, "chosen_by": scoring.chosen_by},
        "notes": list(experiment.fitted.notes),
    }


def baseline_figures(
    outcome: Outcome, baselines: Mapping[str, np.ndarray]
) -> dict[str, dict[str, object]]:
    """Name -> accuracy of each trivial baseline on the same samples."""
    return {
        name: {
            "accuracy": wilson(int((guess == outcome.truth).sum()), len(outcome.truth)).as_json()
        }
        for name, guess in baselines.items()
    }


def write_golden(folder: Path, dataset: Dataset, experiment: Experiment) -> None:
    """Up to eight raw held-out files, labels in turn, rightly judged ones first."""
    folder.mkdir()
    entries = []
    for number, row in enumerate(_golden_rows(experiment)):
        index = int(experiment.test.indices[row])
        sample = dataset.samples[index]
        entry: dict[str, object] = {"label": sample.label}
        source = dataset.file(index)
        whole = sample.span == (0.0, 1.0)
        suffix = source.suffix.lower() if whole else ".npz"
        entry["file"] = f"{number}-{slug(sample.label)}{suffix}"
        target = folder / str(entry["file"])
        if dataset.config.vibration is not None:
            entry |= _recording_entry(dataset, index, target)
        if whole:
            write_atomic(target, source.read_bytes())
        entries.append(entry)
    write_atomic(folder / "golden.json", json.dumps(entries, indent=1).encode())


def _recording_entry(dataset: Dataset, index: int, target: Path) -> dict[str, object]:
    """rate_hz and axes; a stretch of a recording is written as .npz."""
    recording = read_sample(dataset, index)
    axes = list(recording.axes)
    if target.suffix == ".npz" and dataset.samples[index].span != (0.0, 1.0):
        axes = [f"axis{number}" for number in range(len(axes))]
        columns = {axis: recording.signal[:, place] for place, axis in enumerate(axes)}
        np.savez_compressed(target, **columns)
    return {"rate_hz": recording.rate_hz, "axes": axes}


def _golden_rows(experiment: Experiment) -> list[int]:
    dataset, judged = experiment.split.dataset, experiment.test
    good = experiment.spec.good
    queues: dict[str, list[int]] = {}
    for row, index in enumerate(judged.indices):
        label = dataset.samples[int(index)].label
        right = (judged.verdicts[row] == "FAIL") == (label not in good)
        queues.setdefault(label, []).insert(0 if right else len(queues.get(label, [])), row)
    order = sorted(queues, key=lambda label: (label not in good, label))
    chosen: list[int] = []
    while len(chosen) < MOST_GOLDEN and any(queues.values()):
        chosen += [queues[label].pop(0) for label in order if queues[label]]
    return chosen[:MOST_GOLDEN]


def _write_config(folder: Path, experiment: Experiment) -> None:
    dataset = experiment.split.dataset
    document = experiment.config.model_dump(exclude_none=True)
    document |= {"dataset": str(dataset.root), "name": experiment.spec.name}
    for column in ("group", "fold"):
        value = getattr(dataset.config, column)
        if value is not None:
            document[column] = value
    write_atomic(folder / CONFIG, to_toml(document).encode())


def _replace(workshop: Path, path: Path) -> None:
    """Move the finished folder to its place; an old run is moved aside first, then removed."""
    aside = workshop.with_name(workshop.name + ".old")
    if path.exists():
        os.replace(path, aside)
    os.replace(workshop, path)
    fsync_dir(path.parent)
    shutil.rmtree(aside, ignore_errors=True)
