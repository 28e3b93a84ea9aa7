"""A camera's frames: what is not fit is not judged, and other items are refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from edge_agent.contracts.core.errors import BundleError, InputError
from edge_agent.contracts.core.types import Frame, Image, Judgement, Reading, Tensor, Verdict
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.decide.image import ImageInspector
from edge_agent.health.frame import FrameHealth, FrameHealthTable, FrameHistory
from edge_agent.infer.aside import Aside, Task
from tests.station_kit import IMAGE_SPEC

GREY = np.random.default_rng(0).integers(90, 110, (64, 64, 3), np.uint8)


class Network:
    """Passes every image and counts them."""

    asked, fails = 0, False

    @property
    def spec(self) -> ModelSpec:
        return IMAGE_SPEC

    def inspect(
        self, raw: object, aside: Aside | None = None, beside: Sequence[Task[Any]] = ()
    ) -> Judgement:
        self.asked += 1
        for task in beside if aside is not None else ():
            aside.begin(task)
        if self.fails:
            raise BundleError("it broke", where="model", cure="none")
        return Judgement(Verdict.PASS, "bright", 0.1, 0.5)

    def raw_outputs(self, prepared: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def judge(self, raw: list[Tensor]) -> Judgement:
        raise NotImplementedError


def frame(image: Image) -> Frame:
    return Frame(image, 0, 0, 0)


def test_black_frame_is_not_judged() -> None:
    network = Network()
    inspector = ImageInspector(network, FrameHealth(FrameHealthTable()))
    with pytest.raises(InputError, match="dark frame"):
        inspector.inspect(frame(np.zeros((64, 64, 3), np.uint8)))
    assert network.asked == 0
    assert inspector.inspect(frame(GREY)).verdict == Verdict.PASS


@pytest.mark.parametrize("fails", [False, True], ids=["network works", "network fails"])
def test_black_frame_that_is_looked_at_beside_the_network_has_no_verdict(fails: bool) -> None:
    network = Network()
    inspector = ImageInspector(network, FrameHealth(FrameHealthTable()), Aside())
    network.fails = fails
    with pytest.raises(InputError, match="dark frame"):
        inspector.inspect(frame(np.zeros((64, 64, 3), np.uint8)))
    network.fails = False
    assert inspector.inspect(frame(GREY)).verdict == Verdict.PASS


def test_frozen_and_torn_frames_have_no_verdict_beside_the_network() -> None:
    dice, aside = np.random.default_rng(1), Aside()
    first, second = (dice.integers(60, 200, (240, 320, 3), np.uint8) for _ in range(2))
    torn = np.concatenate([first[:120], dice.integers(60, 200, (120, 320, 3), np.uint8)])
    for image, fault in ((second, "frozen camera"), (torn, "torn frame")):
        inspector = ImageInspector(Network(), FrameHealth(FrameHealthTable()), aside)
        inspector.inspect(frame(first))
        inspector.inspect(frame(second))
        with pytest.raises(InputError, match=fault):
            inspector.inspect(frame(image))


def test_frozen_camera_stays_frozen_under_a_new_bundle() -> None:
    history = FrameHistory()
    limits = FrameHealthTable(frozen_frames=3)
    before = ImageInspector(Network(), FrameHealth(limits, history))
    for _ in range(2):
        before.inspect(frame(GREY))
    after = ImageInspector(Network(), FrameHealth(limits, history))
    with pytest.raises(InputError, match="frozen camera: 3 equal frames in a row"):
        after.inspect(frame(GREY))


def test_item_of_another_kind_is_refused() -> None:
    inspector = ImageInspector(Network(), FrameHealth(FrameHealthTable()))
    with pytest.raises(InputError, match="a Reading came to a channel that judges frames"):
        inspector.inspect(Reading(GREY[0].astype(np.float32), 100.0, 0, 0, 0))
