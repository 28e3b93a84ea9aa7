"""A bundle with a gate of familiarity, opened as a station opens it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.core.types import Image, Verdict
from edge_agent.contracts.image.familiarity import image_statistics
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.infer.aside import Aside, Task
from edge_agent.infer.bundle_inspector import load_inspector
from tests.station_kit import IMAGE_SPEC, write_image_bundle
from trainer.thresholds.familiarity import fit_familiarity


class Recording(Aside):
    """Does each task at once, in a thread of its own, and counts them."""

    done = 0

    def begin(self, task: Task[Any]) -> None:
        thread = threading.Thread(target=task.do)
        thread.start()
        thread.join()
        self.done += 1


def bright_plate(rng: np.random.Generator) -> Image:
    """uint8 (64, 64, 3): a plate with a lighter left side, which the model passes."""
    light = np.linspace(235, 165, 64)[None, :, None] + rng.uniform(-4, 4)
    return np.clip(light + rng.normal(0, 5, (64, 64, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    tiles = [IMAGE_SPEC.input.prepare(bright_plate(rng)) for _ in range(80)]
    rows = np.array([image_statistics(one) for one in tiles])
    gate = fit_familiarity(rows, ["bright"] * 80, [str(n) for n in range(80)], ["bright"])
    spec = IMAGE_SPEC.model_copy(update={"familiarity": gate})
    return write_image_bundle(tmp_path / "plates.bundle", spec=spec)


def test_a_station_refuses_what_is_unlike_the_training_parts(bundle: Path) -> None:
    inspector = load_inspector(read_bundle(bundle))
    rng = np.random.default_rng(2)
    assert inspector.inspect(bright_plate(rng)).verdict is Verdict.PASS
    for strange in (
        np.full((64, 64, 3), 210, np.uint8),
        bright_plate(rng)[:, ::-1],
        np.clip(rng.normal(205, 40, (64, 64, 3)), 0, 255).astype(np.uint8),
    ):
        judgement = inspector.inspect(strange)
        assert judgement.verdict is Verdict.NO_VERDICT
        assert judgement.reason.startswith("unfamiliar: ")
        assert inspector.inspect(strange, Aside()) == judgement
    inspector.close()


def test_the_gate_looks_while_the_network_is_at_work(bundle: Path) -> None:
    inspector, aside, looked = load_inspector(read_bundle(bundle)), Recording(), Task(str)
    plate = bright_plate(np.random.default_rng(2))
    assert inspector.inspect(plate, aside, [looked]) == inspector.inspect(plate)
    assert aside.done == 2
    inspector.close()
