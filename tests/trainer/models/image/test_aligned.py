"""Detectors of parts at any angle: when they are aligned, and what their bundle makes of a turn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.model.manifest import FORMAT_VERSION, OLDEST_AGENT, Manifest, Provenance
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.runtime_choice import open_runtime
from edge_agent.simulator.parts import truth
from edge_agent.simulator.scene import render_part
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.image.lying import Lying
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.models.image.auto_anomaly import CANDIDATES, Ranking
from trainer.workflow.alignment_look import aligning, finds_clearly_more, with_alignment
from trainer.workflow.experiment import Experiment, run_experiment

pytestmark = pytest.mark.usefixtures("small_backbone")

PARTS = 18
PADIM = {"dimensions": 8, "synthetic_share": 0}
LYING = Lying(60, 0.6, 0.9, 0.3, 0.9, turn_deg=120.0, shift=0.03)


def flanges(folder: Path, **put: float) -> Split:
    """Good parts of the simulated line as they lie, or as they are put."""
    (folder / "good").mkdir(parents=True)
    for k in range(PARTS):
        picture = render_part(replace(truth(5, k, 0.0), **put), 160, 120, 0.0)
        cv2.imwrite(str(folder / "good" / f"{k:02d}.png"), picture[:, :, ::-1])
    (folder / "dataset.toml").write_text('task = "image-anomaly"\ngood = ["good"]\n')
    every = np.arange(PARTS)
    return Split(load_dataset(folder), every[:10], every[10:14], every[14:], "drawn")


def config(model: str = "padim", **image: object) -> FitConfig:
    table = ImageTable.model_validate({"size_px": 64, "standardise": False, **image})
    return FitConfig(model=model, weights="none", batch=8, image=table, options=PADIM)


def ranked(*recalls: float) -> list[Ranking]:
    """The candidates with these shares of 180 flaws found."""
    pairs = zip(CANDIDATES, recalls, strict=False)
    return [Ranking(one, 0.9, recall, 180) for one, recall in pairs]


@pytest.mark.parametrize(
    ("moved", "plain", "taken"),
    [
        ((0.80, 0.60), (0.20, 0.60), True),
        ((0.61, 0.60), (0.20, 0.60), False),
        ((0.60, 0.60), (0.20, 0.60), False),
        ((0.20, 0.60), (0.60, 0.80), False),
    ],
    ids=["a fifth more", "two more", "as many", "less"],
)
def test_alignment_is_taken_where_the_best_detector_finds_clearly_more(
    moved: tuple[float, float], plain: tuple[float, float], *, taken: bool
) -> None:
    assert finds_clearly_more(ranked(*moved), ranked(*plain)) is taken


def test_a_bound_that_is_configured_stays() -> None:
    assert aligning(config(), LYING).image.align_turn_deg == 180
    assert aligning(config(align_turn_deg=30), LYING).image.align_turn_deg == 30
    assert aligning(config(), replace(LYING, turn_deg=2.0)).image.align_turn_deg == 0


@pytest.mark.parametrize("align", [True, False])
def test_what_is_configured_is_not_compared(tmp_path: Path, *, align: bool) -> None:
    split, given = flanges(tmp_path), config(align=align, align_turn_deg=20)
    assert with_alignment(split, given, SilentProgress()) == (given, ())


def test_parts_that_lie_alike_are_not_compared(tmp_path: Path) -> None:
    split = flanges(tmp_path, angle_rad=0.3, centre_x=0.0, centre_y=0.0)
    assert with_alignment(split, config(), SilentProgress()) == (config(), ())


def test_what_was_compared_is_told_and_configured(tmp_path: Path) -> None:
    split = flanges(tmp_path)
    chosen, notes = with_alignment(split, config(), SilentProgress())
    assert "lie at another angle or place" in notes[0]
    assert "as they lie: padim" in notes[1]
    assert "moved back: padim" in notes[1]
    assert chosen.image.align is notes[2].startswith("each part is moved back")
    assert with_alignment(split, chosen, SilentProgress()) == (chosen, ())


def test_the_model_asked_for_is_compared_in_the_aspect_that_it_would_have(tmp_path: Path) -> None:
    options = {"dimensions": 8, "prototypes": 64, "synthetic_share": 0, "aspect": "kept"}
    asked = config("patchcore").model_copy(update={"options": options})
    _, notes = with_alignment(flanges(tmp_path), asked, SilentProgress())
    assert "as they lie: patchcore" in notes[1]
    assert "padim" not in notes[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fit_says_what_it_compared_and_what_it_took(tmp_path: Path) -> None:
    experiment = run_experiment(flanges(tmp_path), config(), "flanges")
    said = " ".join(experiment.fitted.notes)
    assert "lie at another angle or place" in said
    assert "as they lie: padim" in said
    assert "moved back: padim" in said
    taken = "each part is moved back" in said
    assert experiment.config.image.align is taken
    assert (experiment.spec.input.align is not None) is taken  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_bundle_judges_a_turned_part_as_the_same_part(tmp_path: Path) -> None:
    """The spot is where it was in each picture, on the map, too: the station's page shows it."""
    split = flanges(tmp_path)
    aligned = run_experiment(split, config(align=True, align_turn_deg=180), "flanges")
    plain = run_experiment(split, config(align=False), "flanges")
    part = replace(truth(5, 14, 0.0), centre_x=0.0, centre_y=0.0)
    straight = spotted(render_part(part, 160, 120, 0.0))
    turned = turned_by(straight, 67.0)
    spread = {}
    for name, experiment in (("aligned", aligned), ("plain", plain)):
        inspector = inspector_of(experiment)
        one, other = inspector.inspect(straight), inspector.inspect(turned)
        assert one.score is not None
        assert other.score is not None
        spread[name] = abs(one.score - other.score) / max(one.score, other.score)
        inspector.close()
    assert spread["aligned"] < spread["plain"]


def spotted(image: Image) -> Image:
    spot = image.copy()
    cv2.circle(spot, (112, 60), 6, (255, 0, 0), -1)
    return spot


def turned_by(image: Image, degrees: float) -> Image:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def inspector_of(experiment: Experiment) -> BundleInspector:
    """The int8 file of a fit as a station would load it."""
    from benchmarks.int8 import convert_images

    runtime = open_runtime(convert_images(experiment.fitted.model, experiment.calibration))
    manifest = Manifest(
        format=FORMAT_VERSION,
        oldest_agent=OLDEST_AGENT,
        version="1.0.0",
        spec=experiment.spec.model_copy(update={"familiarity": None}),
        target="litert-int8",
        runtime="litert>=2.0",
        inputs=runtime.inputs,
        outputs=runtime.outputs,
        provenance=Provenance(
            dataset_sha256="0" * 64,
            training_samples=10,
            held_out_samples=4,
            seed=0,
            created_at="2026-01-01T00:00:00Z",
        ),
        files={},
    )
    return BundleInspector(manifest, runtime)
