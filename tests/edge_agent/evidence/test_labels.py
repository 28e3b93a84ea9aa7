"""What people say of kept evidence goes into the data set, and nobody's word is lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Frame, Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.contracts.wire.observation import Observation
from edge_agent.evidence.config import EvidenceTable
from edge_agent.evidence.export import export
from edge_agent.evidence.folder import Kept, protect, read_kept, read_one, records_folder, stems
from edge_agent.evidence.labels import (
    Box,
    Labels,
    Missed,
    Stroke,
    Vote,
    draw_mask,
    label_path,
    read_labels,
    write_labels,
)
from edge_agent.evidence.recent import RecentItems
from edge_agent.evidence.recorder import EvidenceRecorder
from edge_agent.evidence.store import BLOCK_BYTES, used_bytes
from trainer.data.load import load_dataset

EVERYTHING = EvidenceTable(pass_share=1.0, most_per_minute=1000)
NOTHING = EvidenceTable(pass_share=0.0, disk_share=1.0)


def observed(number: int, verdict: str = "PASS", label: str = "") -> Observation:
    image = np.full((40, 60, 3), 10 * (number % 25), np.uint8)
    image[0, 0] = (number % 256, number // 256, 7)
    frame = Frame(image, 1_000_000_000 * number, 1_000_000_000 * number, number)
    channel = ChannelVerdict(
        channel="top", bundle="b 1.0.0", verdict=Verdict(verdict), label=label,
        captured_at_ns=frame.captured_at_ns,
    )  # fmt: skip
    return Observation(f"part-{number}", frame, channel)


def keep(folder: Path, numbers: range, table: EvidenceTable = EVERYTHING) -> list[Kept]:
    recorder = EvidenceRecorder(folder, table)
    for number in numbers:
        recorder.observe(observed(number))
    return list(read_kept(folder))


def vote(by: str, label: str, *, bad: bool = True, at_ns: int = 1, **more: object) -> Vote:
    return Vote.model_validate({"by": by, "at_ns": at_ns, "label": label, "is_defect": bad, **more})


def test_two_who_agree_confirm_and_two_who_do_not_dispute() -> None:
    labels = Labels()
    assert (labels.state, labels.agreed) == ("todo", None)
    labels = labels.with_vote(vote("ann", "crack"))
    assert labels.state == "labelled"
    assert labels.with_vote(vote("bob", "crack", at_ns=2)).state == "confirmed"
    disputed = labels.with_vote(vote("bob", "good", bad=False, at_ns=2))
    assert (disputed.state, disputed.agreed) == ("disputed", None)
    settled = disputed.with_vote(vote("ann", "good", bad=False, at_ns=3))
    assert settled.state == "confirmed"


def test_a_last_word_is_taken_back_and_the_one_before_counts_again() -> None:
    labels = Labels().with_vote(vote("ann", "crack")).with_vote(vote("bob", "crack", at_ns=2))
    labels = labels.with_vote(vote("ann", "dent", at_ns=3))
    assert labels.without_last_vote("ann").state == "confirmed"
    with pytest.raises(InputError, match="carl has not labelled"):
        labels.without_last_vote("carl")


def test_labels_lie_beside_their_record_and_damage_counts_as_none(tmp_path: Path) -> None:
    (one,) = keep(tmp_path, range(1))
    said = Labels().with_vote(vote("ann", "crack"))
    write_labels(tmp_path, one.stem, said)
    assert read_labels(tmp_path, one.stem) == said
    assert [kept.stem for kept in read_kept(tmp_path)] == [one.stem]
    assert read_one(tmp_path, one.stem) == one
    label_path(tmp_path, one.stem).write_bytes(b"\x00{")
    assert read_labels(tmp_path, one.stem) == Labels()
    write_labels(tmp_path, one.stem, Labels())
    assert not label_path(tmp_path, one.stem).exists()
    with pytest.raises(InputError, match="no record"):
        write_labels(tmp_path, "x", said)


def test_what_nobody_labelled_is_removed_first(tmp_path: Path) -> None:
    kept = keep(tmp_path, range(6))
    write_labels(tmp_path, kept[0].stem, Labels().with_vote(vote("ann", "crack")))
    protect(tmp_path, kept[1].stem)
    # Each item takes two blocks: the quota holds about half of what comes.
    small = EvidenceTable(quota_mb=1, pass_share=1.0, most_per_minute=10_000)
    keep(tmp_path, range(10, 200), small)
    left = {one.stem for one in read_kept(tmp_path)}
    assert {kept[0].stem, kept[1].stem} <= left
    assert not {one.stem for one in kept[2:]} & left
    assert used_bytes(tmp_path) - BLOCK_BYTES <= 1 << 20, "beside the label itself"


def test_labels_of_a_removed_record_are_removed(tmp_path: Path) -> None:
    (one,) = keep(tmp_path, range(1))
    write_labels(tmp_path, one.stem, Labels().with_vote(vote("ann", "crack")))
    (records_folder(tmp_path) / f"{one.stem}.json").unlink()
    keep(tmp_path, range(1, 2))
    assert not label_path(tmp_path, one.stem).exists()
    assert len(stems(path.name for path in records_folder(tmp_path).iterdir())) == 1


def test_a_missed_part_is_kept_from_memory_with_who_said_so(tmp_path: Path) -> None:
    recorder = EvidenceRecorder(tmp_path, NOTHING, recent=RecentItems(5 * 9000))
    for number in range(10):
        recorder.observe(observed(number))
    assert list(read_kept(tmp_path)) == []
    missed = Missed(by="anna", at_ns=5, note="scratch")
    assert recorder.keep_missed("part-9", missed) == 1
    assert recorder.keep_missed("part-0", missed) == 0, "forgotten"
    (one,) = read_kept(tmp_path)
    assert (one.record.cause, one.record.part_id) == ("missed", "part-9")
    assert read_labels(tmp_path, one.stem).missed == missed
    picture = cv2.imread(str(tmp_path / one.record.file))
    assert np.array_equal(picture[..., ::-1], observed(9).item.image)  # type: ignore[union-attr]


def test_boxes_and_strokes_make_the_mask_within_the_picture() -> None:
    mask = draw_mask(
        (40, 60, 3),
        [Box(x=10, y=5, width=4, height=3), Box(x=58, y=38, width=50, height=50),
         Box(x=-9, y=-9, width=5, height=5)],
        [Stroke(radius=2, points=[(30, 20), (40, 20)])],
    )  # fmt: skip
    assert mask.shape == (40, 60)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[5:8, 10:14].all()
    assert mask[38:, 58:].all()
    assert mask[20, 28:43].all()
    assert not mask[:3, :3].any()
    assert not mask[24, 35]


def test_the_data_set_has_the_labels_of_people_and_their_masks(tmp_path: Path) -> None:
    state = tmp_path / "state"
    folder = state / "evidence"
    kept = keep(folder, range(12))
    for place, one in enumerate(kept):
        bad = place % 3 == 0
        boxes = [{"x": 4, "y": 6, "width": 10, "height": 8}] if bad else []
        said = Labels().with_vote(vote("ann", "scratch" if bad else "clean", bad=bad, boxes=boxes))
        if place == 11:
            said = said.with_vote(vote("bob", "scratch", at_ns=2))
        write_labels(folder, one.stem, said)
    (state / "thresholds.json").write_text('{"settings": []}')
    done = export(folder, kept, tmp_path / "set")
    assert (done.samples, done.disputed) == (11, 1)
    assert done.labels == {"clean": 7, "scratch": 4}
    assert (tmp_path / "set" / "thresholds.json").read_text() == '{"settings": []}'
    with (tmp_path / "set" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["labelled"] for row in rows} == {"labelled"}
    data = load_dataset(tmp_path / "set")
    by_label = {label: [s for s in data.samples if s.label == label] for label in done.labels}
    assert [len(by_label["clean"]), len(by_label["scratch"])] == [7, 4]
    for sample in by_label["scratch"]:
        mask = cv2.imread(str(tmp_path / "set" / sample.masks[0]), cv2.IMREAD_GRAYSCALE)
        assert mask is not None
        assert mask[6:14, 4:14].all()
        assert mask.sum() == 255 * 80
    assert 'good = ["clean"]' in (tmp_path / "set" / "dataset.toml").read_text()


def test_a_missed_part_is_no_good_part_in_the_data_set(tmp_path: Path) -> None:
    recorder = EvidenceRecorder(tmp_path, NOTHING, recent=RecentItems(1 << 20))
    recorder.observe(observed(1, label="bright"))
    recorder.keep_missed("part-1", Missed(by="anna", at_ns=5))
    done = export(tmp_path, list(read_kept(tmp_path)), tmp_path / "set")
    assert done.labels == {"missed": 1}
    assert 'good = ["good"]' in (tmp_path / "set" / "dataset.toml").read_text()


def test_the_list_at_the_shell_names_what_people_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = keep(tmp_path / "evidence", range(2))
    said = Labels().with_vote(vote("ann", "scratch")).with_vote(vote("bob", "scratch", at_ns=2))
    write_labels(tmp_path / "evidence", kept[1].stem, said)
    assert main(["evidence", "list", str(tmp_path), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["labelled"], row["label"]) for row in rows] == [
        ("todo", ""), ("confirmed", "scratch"),
    ]  # fmt: skip
    assert main(["evidence", "list", str(tmp_path)]) == 0
    assert "confirmed: scratch" in capsys.readouterr().out.splitlines()[1]
