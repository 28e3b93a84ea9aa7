"""Overlays of where a network looked, as files of a run and for the report."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.cut_out import NoPartError
from edge_agent.contracts.image.decode import read_image
from edge_agent.contracts.image.input import ImageInput, prepare_tiles
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.model.scoring import judge
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import damaged
from edge_agent.contracts.run_folder.saliency import Overlay, Saliency
from edge_agent.contracts.run_folder.write import write_saliency
from trainer.evaluation.mistakes import MISTAKES, rank_mistakes
from trainer.evaluation.saliency import heat_of, left_out, overlay, sanity
from trainer.models.image.foreground import foreground_model
from trainer.run_folder.run import FittedRun
from trainer.training.predict import predict

if TYPE_CHECKING:
    import keras

FOLDER = Path(files.EXPLAINED).parent
MOST_FOR_REPORT = 8
FOREGROUND, MOST_FOR_FOREGROUND = "foreground.png", 32
PICTURES_FOR_SANITY = 4


def explain_images(run: FittedRun, paths: Sequence[Path], out: Path) -> list[dict[str, object]]:
    """Write one overlay per image and tile into `out`; returns path, score, verdict, overlay.

    Pictures of the same stem get names of their own: part.png, part_2.png. Raises ConfigError
    where `out` is a folder of the pictures: one of them could be overwritten.
    """
    files = overlay_files(_image_input(run), paths, out)
    network = run.network()
    rows: list[dict[str, object]] = []
    for path, targets in zip(paths, files, strict=True):
        for file, tile in zip(targets, _tiles(run, path), strict=True):
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


def overlay_files(spec: ImageInput, paths: Sequence[Path], out: Path) -> list[list[Path]]:
    """For each picture the files of its tiles' overlays; no file twice."""
    folder, taken = out.resolve(), set[str]()
    files = []
    for path in paths:
        if path.resolve().parent == folder or path.parent.resolve() == folder:
            raise ConfigError(
                f"overlays would lie among the pictures ({path.name}) and could overwrite them",
                where=f"--out {out}",
                cure="name another folder with --out",
            )
        names = _free_names(path.stem, len(spec.tiles.regions()), taken)
        taken.update(names)
        files.append([out / name for name in names])
    return files


def explain_for_report(run: FittedRun, network: keras.Model | None = None) -> float:
    """Overlays of the worst mistakes, and of the surest defects found, into RUN/explained.

    network: the run's own where it is at hand. Returns the sanity figure: rank correlation with
    the maps of a network with random weights. Raises ConfigError where there is no map.
    """
    network = network or run.network()
    held_out = run.held_out
    stored = set(held_out.row.tolist())
    rows = _worth_showing(run, stored - _lost(run) or stored)
    overlays = []
    for row in rows:
        picture = worst_tile(network, run.spec, held_out.of(row))
        name = f"{row}.png"
        _write_picture(
            run.path / FOLDER / name, overlay(picture, heat_of(network, run.spec, picture))
        )
        one = run.predictions[row]
        overlays.append(Overlay(overlay=name, path=one.path, label=one.label, verdict=one.verdict))
    chosen = np.stack([held_out.of(row)[0] for row in rows[:PICTURES_FOR_SANITY]])
    agreement = sanity(network, run.spec, chosen)
    foreground = _write_foreground(run, network)
    maps = Saliency(sanity=round(agreement, 4), pictures=overlays, foreground=foreground)
    write_saliency(run.path, maps)
    return agreement


def _write_foreground(run: FittedRun, network: keras.Model) -> str:
    """Where a detector scores, over the mean good part; the file's name, "" where it has none."""
    where = foreground_model(network)
    held_out = run.held_out
    good = [row.label in run.spec.good for row in run.predictions]
    shown = np.array(good)[held_out.row] & ~np.isin(held_out.row, list(_lost(run)))
    pictures = held_out.inputs[shown][:MOST_FOR_FOREGROUND]
    if where is None or not len(pictures):
        return ""
    seen = np.concatenate(
        [where.predict_on_batch(one[None].astype(np.float32)) for one in pictures]
    )
    _write_picture(run.path / FOLDER / FOREGROUND, left_out(pictures, seen.mean(axis=0)[..., 0]))
    return FOREGROUND


def worst_tile(network: keras.Model, spec: ModelSpec, tiles: Tensor) -> Tensor:
    """Of one picture's tiles the one with the highest score, which decides."""
    outputs = predict(network, tiles)
    scores = [judge(row[None], spec.labels, spec.good, spec.scoring).score for row in outputs]
    return np.asarray(tiles[int(np.argmax(scores))])


def _free_names(stem: str, tiles: int, taken: set[str]) -> list[str]:
    """Names of one picture's overlays that are not `taken`."""
    firsts = itertools.chain([stem], (f"{stem}_{number}" for number in itertools.count(2)))
    tried = ([f"{first}.png", *(f"{first}-{n}.png" for n in range(1, tiles))] for first in firsts)
    return next(names for names in tried if taken.isdisjoint(names))


def _worth_showing(run: FittedRun, stored: set[int]) -> list[int]:
    """Rows of predictions.csv whose inputs are stored: the worst mistakes, then defects by falling
    score; else any.
    """
    ranked = rank_mistakes(run.spec, run.predictions, len(run.predictions))
    mistakes = [one.index for one in ranked if one.kind in MISTAKES and one.index in stored]
    mistakes = mistakes[: MOST_FOR_REPORT // 2]
    bad = [n for n, row in enumerate(run.predictions) if row.label not in run.spec.good]
    detected = sorted(set(bad) - set(mistakes), key=lambda n: -run.predictions[n].score)
    rows = [row for row in mistakes + detected if row in stored]
    rows = rows or [row for row in range(len(run.predictions)) if row in stored]
    if not rows:
        raise damaged(run.path / files.HELD_OUT, "holds no input of predictions.csv")
    return rows[:MOST_FOR_REPORT]


def _lost(run: FittedRun) -> set[int]:
    """Rows of predictions.csv of frames in which no part was seen."""
    rows = enumerate(run.predictions)
    return {row for row, one in rows if run.spec.saw_no_part(one.needs_baseline)}


def _tiles(run: FittedRun, path: Path) -> Tensor:
    spec = _image_input(run)
    try:
        return prepare_tiles(read_image(path, spec.bit_depth), spec)
    except NoPartError as error:
        raise NoPartError(error.what, where=str(path)) from error


def _image_input(run: FittedRun) -> ImageInput:
    if not isinstance(run.spec.input, ImageInput):
        raise ConfigError("only image models can be explained", where=run.spec.name)
    return run.spec.input


def _write_picture(path: Path, picture: Tensor) -> None:
    _, payload = cv2.imencode(".png", picture[:, :, ::-1])
    write_atomic(path, payload.tobytes())
