"""A drawn set is written by a command, with a table that leaves unknown cells empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.made_set import SEED, write_by_command, write_labels
from trainer.data.load import load_dataset


def test_the_command_writes_with_its_seed_and_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Path, int]] = []

    def write(folder: Path, seed: int) -> int:
        asked.append((folder, seed))
        return 7

    for further in ([], ["--seed", "4"]):
        words = [str(tmp_path), *further]
        assert write_by_command(write, "benchmarks.strips", "strips", words) == 0
    assert asked == [(tmp_path, SEED), (tmp_path, 4)]
    said = capsys.readouterr()
    assert f"7 strips in {tmp_path}" in said.out + said.err


def test_a_trainer_reads_the_table_with_its_lots(tmp_path: Path) -> None:
    rows = [
        {"path": f"{label}/{n}.png", "label": label, "lot": f"lot-{n % 2}"}
        for n, label in enumerate(["good", "good", "flawed", "flawed"])
    ]
    for row in rows:
        path = tmp_path / row["path"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not read here")
    write_labels(tmp_path, ("path", "label", "lot", "mask"), rows)
    dataset = load_dataset(tmp_path)
    assert dataset.good == ["good"]
    assert set(dataset.groups()) == {"lot-0", "lot-1"}
    assert {sample.masks for sample in dataset.samples} == {()}
