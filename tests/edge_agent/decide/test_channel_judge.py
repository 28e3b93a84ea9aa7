"""One channel's verdict: nothing passes unseen, and every refusal says why."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import (
    Frame,
    Image,
    Item,
    Judgement,
    ProcessRow,
    Reading,
    Unreadable,
    Verdict,
)
from edge_agent.decide.channel_judge import ChannelJudge
from edge_agent.decide.inspector import Inspector

GREY = np.random.default_rng(0).integers(90, 110, (64, 64, 3), np.uint8)


class Network:
    """An inspector that takes `takes_s` of the clock's time and gives `score` and `verdict`."""

    needs_every_item = False

    def __init__(self, clock: ManualClock, takes_s: float = 0.0, score: float = 0.1) -> None:
        self.clock = clock
        self.takes_s = takes_s
        self.score = score
        self.verdict = Verdict.PASS
        self.asked = 0
        self.fault: Exception | None = None

    def inspect(self, item: Item) -> Judgement:
        self.asked += 1
        self.clock.advance_s(self.takes_s)
        if self.fault is not None:
            raise self.fault
        return Judgement(self.verdict, "good", self.score, 0.5)


def judge(network: Inspector, clock: ManualClock | None = None) -> ChannelJudge:
    clock = clock or getattr(network, "clock", None) or ManualClock()
    return ChannelJudge(network, channel="top", bundle="caps 1.0.0", deadline_ms=100, clock=clock)


def frame(clock: ManualClock, image: Image = GREY) -> Frame:
    return Frame(image, clock.utc_ns(), clock.mono_ns(), 0, "top", "part7")


def test_verdict_in_time_carries_score_and_latency() -> None:
    clock = ManualClock()
    found = judge(Network(clock, takes_s=0.02)).judge(frame(clock))
    assert found.verdict == Verdict.PASS
    assert (found.label, found.score, found.threshold) == ("good", 0.1, 0.5)
    assert found.latency_ms == pytest.approx(20)


def test_late_verdict_is_none_at_all() -> None:
    clock = ManualClock()
    found = judge(Network(clock, takes_s=0.15)).judge(frame(clock))
    assert found.verdict == Verdict.NO_VERDICT
    assert found.reason == "late: 150 ms, the deadline is 100 ms"


def test_stale_frame_is_not_even_judged() -> None:
    clock = ManualClock()
    network = Network(clock)
    old = frame(clock)
    clock.advance_s(0.2)
    found = judge(network).judge(old)
    assert found.verdict == Verdict.NO_VERDICT
    assert "stale: waited 200 ms" in found.reason
    assert network.asked == 0


def test_late_fail_stays_a_fail() -> None:
    clock = ManualClock()
    network = Network(clock, takes_s=0.15)
    network.verdict = Verdict.FAIL
    found = judge(network).judge(frame(clock))
    assert found.verdict == Verdict.FAIL
    assert found.reason == "good; late: 150 ms, the deadline is 100 ms"


def test_stale_item_is_judged_where_later_ones_look_back_on_it() -> None:
    clock = ManualClock()
    network = Network(clock)
    network.needs_every_item = True
    old = frame(clock)
    clock.advance_s(0.2)
    assert judge(network).judge(old).verdict == Verdict.NO_VERDICT
    assert network.asked == 1


def test_item_that_cannot_be_judged_has_its_own_reason() -> None:
    clock = ManualClock()
    network = Network(clock)
    network.fault = InputError("sample 3 is not a number", where="run3")
    found = judge(network).judge(frame(clock))
    assert found.verdict == Verdict.NO_VERDICT
    assert found.reason == "run3: sample 3 is not a number"


def test_score_that_is_no_number_is_left_out_of_the_message() -> None:
    clock = ManualClock()
    assert judge(Network(clock, score=float("nan"))).judge(frame(clock)).score is None


def test_unreadable_item_has_its_own_reason() -> None:
    clock = ManualClock()
    item = Unreadable("b.png: the file is empty", 1, clock.mono_ns(), 0)
    found = judge(Network(clock)).judge(item)
    assert (found.verdict, found.reason) == (Verdict.NO_VERDICT, "b.png: the file is empty")


def test_network_that_fails_has_no_verdict_and_the_line_goes_on() -> None:
    clock = ManualClock()
    network = Network(clock)
    network.fault = RuntimeError("delegate died")
    channel = judge(network)
    assert "fault: delegate died" in channel.judge(frame(clock)).reason
    network.fault = None
    assert channel.judge(frame(clock, GREY + 1)).verdict == Verdict.PASS


@pytest.mark.parametrize("low", [float("nan"), float("-inf")], ids=str)
def test_a_value_that_is_no_number_has_no_verdict_and_no_interval(low: float) -> None:
    class Life:
        needs_every_item = True

        def inspect(self, item: Item) -> Judgement:
            why = "the score is not a number"
            return Judgement(
                Verdict.NO_VERDICT, "life", float("nan"), 10.0, why, interval=(low, 20.0)
            )

    found = judge(Life()).judge(ProcessRow({}, 0, 0, 0))
    assert (found.verdict, found.interval) == (Verdict.NO_VERDICT, None)
    assert found.reason == "the score is not a number"


def test_a_fault_of_every_part_is_logged_ever_more_seldom(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    network = Network(clock)
    network.fault = RuntimeError("the model is closed")
    channel = judge(network)
    found = [channel.judge(Reading(GREY[0], 100.0, 0, 0, seq)) for seq in range(100)]
    assert {one.reason for one in found} == {"fault: the model is closed"}
    assert [record.args[2] for record in caplog.records if record.args] == [1, 2, 4, 8, 16, 32, 64]
