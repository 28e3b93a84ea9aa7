"""What lies beside the part changes, the part does not."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from benchmarks.twin_backgrounds import CLEAR_PX, beyond_part, on_table, write_tables
from benchmarks.twin_small_flaws import SEED
from edge_agent.simulator.parts import truth


def test_things_lie_beside_the_part_alone() -> None:
    part = truth(SEED, 3, 0.0)
    plain, other = on_table(part, "plain").astype(float), on_table(part, "other").astype(float)
    beyond = beyond_part(part)
    np.testing.assert_array_equal(plain[beyond < CLEAR_PX], other[beyond < CLEAR_PX])
    far = beyond > CLEAR_PX
    assert plain[far].std() < 10 < other[far].std()
    assert plain[beyond < 0].mean() > 1.5 * plain[far].mean(), "metal on a dark table"
    assert 0.05 < (beyond < 0).mean() < 0.15


def test_every_second_lot_is_learnt_on_the_plain_table(tmp_path: Path) -> None:
    count = write_tables(tmp_path, lots=2)
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count == 60
    assert {row["table"] for row in rows if row["split"] == "train"} == {"plain"}
    judged = [(row["lot"], row["table"]) for row in rows if row["split"] == "test"]
    assert set(judged) == {("lot-001", "plain"), ("lot-001", "other")}
    assert all((tmp_path / row["path"]).is_file() for row in rows)
