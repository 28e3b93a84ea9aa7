"""A part that scores just above the threshold, and rounding that would pass it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import GateError
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.run_folder.run import RunFolder, open_run
from quantize.__main__ import main
from quantize.convert.conversion_process import Converted
from quantize.pack.bundle import Draft
from quantize.prove.gate import Comparison, Limits, enforce
from quantize.prove.threshold_margin import lower_threshold
from quantize.targets.all_targets import find_target
from quantize.workflow.convert import ConvertRequest, attempt, convert
from tests.quantize.conversion_cache import ConversionCache


def drafted(
    run: RunFolder, folder: Path, converter: ConversionCache
) -> tuple[Converted, Draft, Comparison]:
    request = ConvertRequest(folder, folder, variants=("int8",))
    return attempt(run, find_target("x86"), request, "1.0.0", converter=converter)


@pytest.fixture(scope="module")
def edged(
    image_run: Path, converter: ConversionCache, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run whose threshold is the score of a bad part from which int8 takes something."""
    folder = tmp_path_factory.mktemp("edged") / "run"
    shutil.copytree(image_run, folder)
    run = open_run(folder)
    comparison = drafted(run, folder, converter)[2]
    taken = [
        (old.score - new.score, old.score)
        for old, new in zip(comparison.before, comparison.after, strict=True)
        if old.label not in run.spec.good
    ]
    spec = json.loads((folder / "spec.json").read_text())
    spec["scoring"]["threshold"] = min(one for one in taken if one[0] > 1e-4)[1]
    (folder / "spec.json").write_text(json.dumps(spec))
    return folder


def test_the_threshold_is_lowered_by_what_rounding_takes(
    edged: Path, converter: ConversionCache
) -> None:
    run = open_run(edged)
    converted, ready, comparison = drafted(run, edged, converter)
    with pytest.raises(GateError, match="bad parts newly passed"):
        enforce(comparison, [])
    found = lower_threshold(run, converted, ready, 200)
    assert found is not None
    lowered, scoring = found[1], found[0].manifest.spec.scoring
    assert 0 < lowered < 0.2
    assert scoring.threshold == pytest.approx(run.spec.scoring.threshold - lowered)
    assert f"lowered by {lowered:.4f}" in scoring.chosen_by
    assert converted.float_outputs.calibration.shape == (min(200, len(run.calibration)), 2)


def test_a_network_that_rounding_lifts_keeps_its_threshold(
    edged: Path, converter: ConversionCache
) -> None:
    run = open_run(edged)
    converted, ready, _ = drafted(run, edged, converter)
    lower = np.zeros_like(converted.float_outputs.calibration)
    lower[:, run.spec.labels.index("good")] = 50
    lifted = replace(converted, float_outputs=replace(converted.float_outputs, calibration=lower))
    assert lower_threshold(run, lifted, ready, 200) is None


def test_the_bundle_and_its_card_say_so(
    edged: Path, tmp_path: Path, converter: ConversionCache
) -> None:
    bundle = tmp_path / "edged.bundle"
    wide = Limits(accuracy=0.2, agreement=0.2)
    request = ConvertRequest(edged, bundle, limits=wide)
    (held,) = convert(request, lambda text: None, converter).trials
    assert (held.variant, held.fault) == ("int8", "")
    card = read_bundle(bundle).files["card.md"].decode()
    assert f"threshold lowered by {held.lowered:.4f} for rounding" in card
    assert main(["verify", str(bundle)]) == 0
    assert str(held.lowered)[:4] in read_bundle(bundle).manifest.spec.scoring.chosen_by
