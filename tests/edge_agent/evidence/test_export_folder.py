"""An export by its own contract: proposed labels, names of files, mixed kinds, removed contents."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.evidence.export import export, proposed_label
from edge_agent.evidence.folder import Kept
from edge_agent.evidence.record import EvidenceRecord, Kind


def kept(
    number: int, label: str = "", verdict: Verdict = Verdict.FAIL, kind: Kind = "image"
) -> Kept:
    sha256 = f"{number:064x}"
    record = EvidenceRecord(
        part_id=f"p{number}",
        kind=kind,
        cause="fail",
        sha256=sha256,
        file=f"objects/{number}.png",
        captured_at_ns=number,
        verdict=ChannelVerdict(channel="top", bundle="caps 1", verdict=verdict, label=label),
        rate_hz=1000.0 if kind == "vibration" else None,
    )
    return Kept(f"stem{number}", record, protected=False)


def store(folder: Path, *numbers: int) -> Path:
    (folder / "objects").mkdir()
    for number in numbers:
        (folder / "objects" / f"{number}.png").write_bytes(b"%d" % number)
    return folder


@pytest.mark.parametrize(
    ("label", "verdict", "proposed"),
    [
        ("scratch", Verdict.FAIL, "scratch"),
        ("cap ok", Verdict.PASS, "cap ok"),
        ("scratch", Verdict.NO_VERDICT, "unknown"),
        ("anomaly", Verdict.FAIL, "defect"),
        ("normal", Verdict.PASS, "good"),
        ("", Verdict.PASS, "good"),
        ("", Verdict.NO_VERDICT, "unknown"),
    ],
)
def test_the_proposed_label_is_a_class_or_good_or_defect(
    label: str, verdict: Verdict, proposed: str
) -> None:
    assert proposed_label(kept(1, label, verdict)) == proposed


def test_what_the_station_removed_meanwhile_is_counted_as_lost(tmp_path: Path) -> None:
    done = export(store(tmp_path, 1, 3), [kept(1), kept(2), kept(3)], tmp_path / "out")
    assert (done.samples, done.lost, done.labels) == (2, 1, {"defect": 2})
    with (tmp_path / "out" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["part"] for row in rows] == ["p1", "p3"]
    assert (tmp_path / "out" / rows[1]["path"]).read_bytes() == b"3"
    toml = (tmp_path / "out" / "dataset.toml").read_text()
    assert 'good = ["good"]' in toml
    assert 'group = "part"' in toml


@pytest.mark.parametrize("damage", ["", "[1]", "{", "[" * 99_999])
def test_damaged_tags_are_counted_as_lost(tmp_path: Path, damage: str) -> None:
    rows = [kept(k, kind="tabular") for k in (1, 2)]
    folder = store(tmp_path, 1, 2)
    (folder / rows[0].record.file).write_text(damage)
    (folder / rows[1].record.file).write_text('{"power": Infinity}')
    done = export(folder, rows, tmp_path / "out")
    assert (done.samples, done.lost) == (1, 1)
    assert "inf" in (tmp_path / "out" / "labels.csv").read_text()


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "no evidence fits"),
        ([kept(1), kept(2, kind="vibration")], "image and vibration cannot be one data set"),
        ([kept(9)], "the station removed all of it, or it is damaged"),
    ],
)
def test_what_is_no_data_set_leaves_no_folder(
    records: list[Kept], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reason):
        export(store(tmp_path, 1, 2), records, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["objects"]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="is there already"):
        export(store(tmp_path, 1), [kept(1)], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
