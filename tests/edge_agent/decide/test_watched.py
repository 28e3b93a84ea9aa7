"""A station that cannot see passes nothing, and says so beside a FAIL."""

from __future__ import annotations

import numpy as np

from edge_agent.contracts.core.types import Frame, Item, Judgement, Verdict
from edge_agent.decide.memory import ChannelMemory
from edge_agent.decide.watched import WatchedInspector
from edge_agent.health.commissioning import CameraLearner
from edge_agent.health.watch import CameraWatch
from tests.health_frames import healthy_frame


class ByMiddle:
    """FAIL where the middle of the frame is black."""

    needs_every_item = False

    def inspect(self, item: Item) -> Judgement:
        assert isinstance(item, Frame)
        bad = item.image[120, 160].max() < 20
        verdict = Verdict.FAIL if bad else Verdict.PASS
        return Judgement(verdict, "hole" if bad else "good", float(bad), 0.5)


def test_severe_faults_stop_passing_and_stand_beside_a_fail() -> None:
    learner = CameraLearner()
    for k in range(120):
        learner.add(healthy_frame(k))
    memory = ChannelMemory()
    memory.watch = CameraWatch(learner.learn())
    inspector = WatchedInspector(ByMiddle(), memory.watch)
    healthy = [inspector.inspect(Frame(healthy_frame(k), 0, 0, k)) for k in range(200, 226)]
    assert {one.verdict for one in healthy} == {Verdict.PASS}
    assert memory.warnings("top") == []
    dark = [inspector.inspect(Frame(healthy_frame(k, 0.5), 0, 0, k)) for k in range(300, 310)]
    assert dark[-1].verdict == Verdict.NO_VERDICT
    assert "the lamp is" in dark[-1].reason
    assert memory.warnings("top")[0].startswith("top: ")
    hole = healthy_frame(311, 0.5)
    hole[100:140, 140:180] = np.uint8(0)
    failed = inspector.inspect(Frame(hole, 0, 0, 311))
    assert failed.verdict == Verdict.FAIL
    assert "hole (but the station cannot see" in failed.reason


def test_one_dark_frame_takes_the_pass_of_its_part_alone() -> None:
    learner = CameraLearner()
    for k in range(120):
        learner.add(healthy_frame(k))
    inspector = WatchedInspector(ByMiddle(), CameraWatch(learner.learn()))
    lights = [*[1.0] * 20, 0.4, 1.0]
    judged = [
        inspector.inspect(Frame(healthy_frame(200 + k, light), 0, 0, k))
        for k, light in enumerate(lights)
    ]
    assert [one.verdict for one in judged[-3:]] == [Verdict.PASS, Verdict.NO_VERDICT, Verdict.PASS]
    assert "darker" in judged[-2].reason
