"""The benchmark of process data runs on small sets of the same layout as the public ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.process import main
from benchmarks.process_sets import CMAPSS_COLUMNS, SKAB_TAGS, cmapss_set
from trainer.data.load import load_dataset

pytestmark = [
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning"),
    pytest.mark.timeout(300),
]


def write_mill(root: Path) -> None:
    rng = np.random.default_rng(0)
    modes = ("TWF", "HDF", "PWF", "OSF", "RNF")
    names = ("Type", "Air temperature [K]", "Process temperature [K]", "Rotational speed [rpm]")
    header = ["UDI", "Product ID", *names, "Torque [Nm]", "Tool wear [min]", "Machine failure"]
    lines = [",".join([*header, *modes])]
    for row in range(300):
        torque, wear = rng.uniform(20, 60), rng.uniform(0, 250)
        failed = int(torque * wear > 9000)
        cells = [row + 1, f"M{row}", "LMH"[row % 3], f"{rng.uniform(295, 304):.1f}"]
        cells += [f"{rng.uniform(305, 313):.1f}", int(rng.uniform(1200, 2000)), f"{torque:.1f}"]
        lines.append(",".join(map(str, [*cells, int(wear), failed, 0, 0, 0, failed, 0])))
    (root / "ai4i2020").mkdir(parents=True)
    (root / "ai4i2020" / "ai4i2020.csv").write_text("\n".join(lines) + "\n")


def write_engines(root: Path) -> None:
    rng = np.random.default_rng(1)
    folder = root / "cmapss"
    folder.mkdir(parents=True)
    for part, engines in (("train", 10), ("test", 4)):
        rows = []
        for unit in range(1, engines + 1):
            life = int(rng.integers(60, 90))
            for cycle in range(1, (life if part == "train" else life - 20) + 1):
                heat = cycle / life + rng.normal(0, 0.05, 21)
                rows.append([unit, cycle, 0.1, 0.2, 100.0, *heat])
        np.savetxt(folder / f"{part}_FD001.txt", rows, fmt="%.5f")
    np.savetxt(folder / "RUL_FD001.txt", np.full(4, 20.0))


def write_pumps(root: Path) -> None:
    rng = np.random.default_rng(2)
    for family in ("valve1", "other"):
        folder = root / "skab" / family
        folder.mkdir(parents=True)
        lines = [";".join(["datetime", *SKAB_TAGS, "anomaly", "changepoint"])]
        for row in range(520):
            bad = row >= 460
            cells = [f"{value:.4f}" for value in rng.normal(5.0 * bad, 1.0, 8)]
            lines.append(";".join([f"t{row}", *cells, f"{int(bad)}.0", "0.0"]))
        (folder / "1.csv").write_text("\n".join(lines) + "\n")


def rows_of(root: Path, part: str, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    assert main([str(root), "--only", part, "--quick"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    return {row["name"]: row["value"] for row in document["rows"]}


def test_quick_mill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_mill(tmp_path)
    found = rows_of(tmp_path, "ai4i2020", capsys)
    assert 0 <= found["ai4i2020 stratified 5-fold, average precision int8"] <= 1


def test_quick_pumps_find_a_plain_shift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pumps(tmp_path)
    found = rows_of(tmp_path, "skab", capsys)
    assert found["skab owner's protocol, 2 files, F1 int8"] > 0.7


@pytest.mark.slow
def test_quick_engines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_engines(tmp_path)
    found = rows_of(tmp_path, "cmapss", capsys)
    assert 0 < found["cmapss FD001 official test, RMSE int8"] < 125


def test_only_the_cut_of_a_test_engine_has_a_label(tmp_path: Path) -> None:
    write_engines(tmp_path)
    dataset = load_dataset(cmapss_set(tmp_path, tmp_path / "set"))
    held = [sample for sample in dataset.samples if sample.split == "test"]
    assert [sample.value for sample in held] == [20.0] * 4
    assert len(CMAPSS_COLUMNS) == 26
