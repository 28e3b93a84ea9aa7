"""The whole choice of a detector on drawn plates, with MobileNetV2 itself and random kernels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.trainer.models.image.test_detectors import SIZE_PX, good_only
from trainer.config.fit import FitConfig, ImageTable
from trainer.models.image import auto_anomaly
from trainer.workflow.experiment import run_experiment


def test_it_learns_from_good_parts_alone() -> None:
    row = auto_anomaly.ARCHITECTURE
    assert row.tasks == ("image-anomaly",)
    assert row.scoring == "anomaly"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_detector_is_chosen_by_planted_defects(plates: Path, lively_weights: str) -> None:
    image = ImageTable(size_px=SIZE_PX)
    config = FitConfig(model="auto-anomaly", weights=lively_weights, epochs=2, batch=8, image=image)
    experiment = run_experiment(good_only(plates), config, "plates")
    notes = experiment.fitted.notes
    said = [
        re.match(r"(padim|patchcore): AUROC ([\d.]+), recall ([\d.]+) at", one) for one in notes
    ]
    ranked = {one[1]: (float(one[2]), float(one[3])) for one in said if one}
    assert set(ranked) == {"padim", "patchcore"}
    assert experiment.fitted.cross_fitted is not None
    best = [name for name, merit in ranked.items() if merit == max(ranked.values())]
    assert notes[-1] in [f"{name} was chosen" for name in best]
