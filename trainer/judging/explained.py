"""Overlays of where a network looked, as files of a run and for the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.contracts.errors import ConfigError
from edge_agent.contracts.files import write_atomic
from edge_agent.contracts.image import ImageInput, prepare_tiles, read_image
from edge_agent.contracts.manifest import ModelSpec
from edge_agent.contracts.scoring import judge
from edge_agent.contracts.types import Tensor
from trainer.fitting.gradient import predict
from trainer.judging.explain import heat_of, overlay, sanity
from trainer.report.mistakes import worst
from trainer.runs.run import Run

if TYPE_CHECKING:
    import keras

FOLDER = "explained"
MOST_FOR_REPORT = 8
PICTURES_FOR_SANITY = 4


def explain_images(run: Run, paths: Sequence[Path], out: Path) -> list[dict[str, object]]:
    """Write one overlay per image and tile into `out`; returns path, score, verdict, overlay."""
    network = _network(run)
    rows: list[dict[str, object]] = []
    for path in paths:
        for number, tile in enumerate(_tiles(run, path)):
            file = out / f"{path.stem}-{number}.png" if number else out / f"{path.stem}.png"
            scored = judge(
                predict(network, tile[None]), run.spec.labels, run.spec.good, run.spec.scoring
            )
            _write_picture(file, overlay(tile, heat_of(network, run.spec, tile)))
            rows.append(
                {
                    "path": str(path),
                    "label": scored.label,
                    "score": round(scored.score, 6),
                    "verdict": scored.verdict.value,
                    "overlay": str(file),
                }
            )
    return rows


def explain_for_report(run: Run, network: keras.Model | None = None) -> float:
    """Overlays of the worst mistakes, and of the surest defects found, into RUN/explained.

    network: the run's own where it is at hand. Returns the sanity figure: rank correlation with
    the maps of a network with random weights. Raises ConfigError where there is no map.
    """
    network = network or _network(run)
    inputs, owners = run.held_out
    rows = _worth_showing(run)
    listed = []
    for row in rows:
        picture = worst_tile(network, run.spec, inputs[owners == row])
        name = f"{row}.png"
        _write_picture(
            run.path / FOLDER / name, overlay(picture, heat_of(network, run.spec, picture))
        )
        said = run.predictions[row]
        listed.append({"overlay": name, **{k: said[k] for k in ("path", "label", "verdict")}})
    chosen = np.stack([inputs[owners == row][0] for row in rows[:PICTURES_FOR_SANITY]])
    agreement = sanity(network, run.spec, chosen)
    document = {"sanity": round(agreement, 4), "pictures": listed}
    write_atomic(run.path / FOLDER / "explained.json", json.dumps(document, indent=1).encode())
    return agreement


def worst_tile(network: keras.Model, spec: ModelSpec, tiles: Tensor) -> Tensor:
    """Of one picture's tiles the one with the highest score, which decides."""
    outputs = predict(network, tiles)
    scores = [judge(row[None], spec.labels, spec.good, spec.scoring).score for row in outputs]
    return np.asarray(tiles[int(np.argmax(scores))])


def _worth_showing(run: Run) -> list[int]:
    """Rows of predictions.csv: the worst mistakes, then defects by falling score; else any."""
    mistakes = [one.row for one in worst(run, MOST_FOR_REPORT // 2) if one.kind != "close call"]
    bad = [n for n, row in enumerate(run.predictions) if row["label"] not in run.spec.good]
    found = sorted(set(bad) - set(mistakes), key=lambda n: -float(run.predictions[n]["score"]))
    rows = mistakes + found
    return (rows or list(range(len(run.predictions))))[:MOST_FOR_REPORT]


def _tiles(run: Run, path: Path) -> Tensor:
    spec = run.spec.input
    if not isinstance(spec, ImageInput):
        raise ConfigError("only image models can be explained", where=run.spec.name)
    return prepare_tiles(read_image(path), spec)


def _write_picture(path: Path, picture: Tensor) -> None:
    _, payload = cv2.imencode(".png", picture[:, :, ::-1])
    write_atomic(path, payload.tobytes())


def _network(run: Run) -> keras.Model:
    import keras

    return keras.saving.load_model(run.path / "model.keras", compile=False)
