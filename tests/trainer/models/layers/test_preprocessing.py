"""What a model sees by itself, and what the configuration changes."""

from __future__ import annotations

import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.models.image.feature_maps import detector_spec
from trainer.models.layers.preprocessing import image_spec


@pytest.mark.parametrize(
    ("asked", "detector", "classifier"), [(None, True, False), (True, True, True), (False,) * 3]
)
def test_detectors_standardise_unless_told_otherwise(
    asked: bool | None, detector: bool, classifier: bool
) -> None:
    config = FitConfig(image=ImageTable(standardise=asked))
    assert detector_spec(config, 320).standardise is detector
    assert image_spec(config, 160).standardise is classifier
