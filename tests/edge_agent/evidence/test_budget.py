"""How much evidence is written, and what goes without first."""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.types import Frame, Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.observation import Observation
from edge_agent.evidence.budget import Repetitions, WritingBudget
from edge_agent.evidence.choice import Choice
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.folder import read_kept
from edge_agent.evidence.recorder import Chosen, EvidenceRecorder
from edge_agent.evidence.store import used_bytes

MB = 1 << 20


def noisy(seq: int, second: float, verdict: Verdict = Verdict.FAIL, **words: str) -> Observation:
    """A frame of noise, which no compression makes smaller: 27 kB."""
    pixels = np.random.default_rng(seq).integers(0, 256, (90, 100, 3), np.uint8)
    frame = Frame(pixels, 1_000_000 + seq, round(second * 1e9), seq, "", f"p{seq}")
    judged = ChannelVerdict(
        channel="top", bundle="caps 1.0.0", verdict=verdict, score=0.9, threshold=0.5, **words
    )
    return Observation(frame.part_id, frame, judged)


def test_no_hour_writes_more_than_its_budget(tmp_path: Path) -> None:
    table = EvidenceTable(hourly_mb=2, keep_free_mb=0, disk_share=1)
    recorder = EvidenceRecorder(tmp_path, table, dice=random.Random(1))
    for k in range(900):
        recorder.observe(noisy(k, 4.0 * k))
    written = used_bytes(tmp_path)
    assert 1.5 * MB < written <= 2 * MB + 40_000
    seconds = [4.0 * int(one.record.part_id[1:]) for one in read_kept(tmp_path)]
    assert max(seconds) > 3500  # what comes late in the hour has its share
    assert recorder.kept == len(seconds)


def test_fails_are_kept_when_there_is_nothing_left_for_the_others() -> None:
    choice = Choice(EvidenceTable(hourly_mb=4, pass_share=1), random.Random(1))
    verdicts = (Verdict.PASS, Verdict.NO_VERDICT, Verdict.FAIL)
    kept: Counter[str] = Counter()
    for k in range(400):
        judged = noisy(k, 0, verdicts[k % 3]).verdict.model_copy(update={"label": f"{'ab' * k}"})
        if (cause := choice.cause(judged, 0)) is not None:
            kept[cause] += 1
            choice.take_count(judged, cause)
            choice.spend(16_384)
    assert sum(kept.values()) * 16_384 <= MB
    assert kept["fail"] > kept["no-verdict"] > kept["sample"] > 0


def test_what_a_person_reports_is_kept_however_much_was_written() -> None:
    budget = WritingBudget(1)
    budget.spend(100 * MB)
    assert not budget.allows("fail", 0)
    assert budget.allows("missed", 0)


@pytest.mark.parametrize(("share_left", "kept"), [(0.9, 30), (0.2, 3)])
def test_repetitions_are_thinned_only_where_room_is_scarce(share_left: float, kept: int) -> None:
    repetitions, key, counts = Repetitions(), ("top", "no-verdict", "dark"), []
    for _ in range(30):
        if repetitions.admits(key, share_left):
            counts.append(repetitions.take_count(key))
        else:
            repetitions.leave_out(key)
    assert len(counts) == kept
    assert counts == ([0] * 30 if kept == 30 else [0, 9, 9])
    assert repetitions.admits(("top", "no-verdict", "blurred"), share_left)


def test_a_record_counts_what_was_left_out_before_it(tmp_path: Path) -> None:
    table = EvidenceTable(most_per_minute=1, keep_free_mb=0, disk_share=1)
    recorder = EvidenceRecorder(tmp_path, table)
    for k, second in enumerate((0, 1, 2, 61)):
        reason = f"waited {k} ms"
        recorder.observe(noisy(k, second, Verdict.NO_VERDICT, reason=reason))
    assert [one.record.left_out for one in read_kept(tmp_path)] == [None, 2]


def test_a_slow_disk_keeps_no_content_from_its_name(tmp_path: Path) -> None:
    named: list[str] = []
    recorder = EvidenceRecorder(
        tmp_path,
        EvidenceTable(keep_free_mb=0, disk_share=1),
        name_content=lambda seen, _: named.append(seen.part_id),
    )
    free, waiting = threading.Event(), list[threading.Thread]()

    def later(chosen: Chosen) -> None:
        def write() -> None:
            free.wait(10)
            recorder.write(chosen)

        waiting.append(threading.Thread(target=write))
        waiting[-1].start()

    recorder.write_by(later)
    for k in range(3):
        recorder.observe(noisy(k, k))
    assert (named, recorder.kept) == (["p0", "p1", "p2"], 0)
    free.set()
    for thread in waiting:
        thread.join(10)
    assert [one.record.part_id for one in read_kept(tmp_path)] == ["p0", "p1", "p2"]


def test_times_that_go_back_give_no_room_twice() -> None:
    budget = WritingBudget(300)
    written = 0
    for tenth in range(3600 * 10):
        for behind in (0, 5):
            if budget.allows("fail", max(0, tenth - behind) * 100_000_000):
                budget.spend(1 << 20)
                written += 1
    assert written <= 301
