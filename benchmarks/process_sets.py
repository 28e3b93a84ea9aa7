"""The public process data sets as Lineside data sets: a dataset.toml each, in our own folder."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.toml import toml_text

CMAPSS_COLUMNS = (
    "unit",
    "cycle",
    *(f"setting{number}" for number in range(1, 4)),
    *(f"sensor{number}" for number in range(1, 22)),
)
"""Saxena et al., Damage Propagation Modeling for Aircraft Engine Run-to-Failure, PHM 2008."""
RUL_CAP = 125
SKAB_TAGS = (
    "Accelerometer1RMS",
    "Accelerometer2RMS",
    "Current",
    "Pressure",
    "Temperature",
    "Thermocouple",
    "Voltage",
    "Volume Flow RateRMS",
)
SKAB_TRAIN_ROWS = 400
"""The owner's protocol: the first 400 rows of each file are normal and train its detector."""

AI4I = """\
task = "tabular-class"
good = ["0"]

[tabular]
file = "{file}"
label = "Machine failure"
features = [
    "Type", "Air temperature [K]", "Process temperature [K]", "Rotational speed [rpm]",
    "Torque [Nm]", "Tool wear [min]",
]
exclude = ["UDI", "Product ID", "TWF", "HDF", "PWF", "OSF", "RNF"]

[[tabular.derived]]
name = "temperature rise [K]"
op = "difference"
of = ["Process temperature [K]", "Air temperature [K]"]

[[tabular.derived]]
name = "power [W]"
op = "product"
of = ["Torque [Nm]", "Rotational speed [rpm]"]
times = 0.10471975511965977

[[tabular.derived]]
name = "strain [Nm min]"
op = "product"
of = ["Torque [Nm]", "Tool wear [min]"]
"""


@dataclass(frozen=True)
class PumpFile:
    """One file of SKAB: rows (N, 8) and whether each row is anomalous."""

    name: str
    rows: NDArray[np.float64]
    anomalous: NDArray[np.bool_]


def ai4i_set(data: Path, folder: Path) -> Path:
    """Failure of a mill from one row, with three derived features."""
    folder.mkdir(parents=True, exist_ok=True)
    text = AI4I.format(file=(data / "ai4i2020" / "ai4i2020.csv").absolute())
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    return folder


def cmapss_set(data: Path, folder: Path) -> Path:
    """FD001 as the official test has it: whole lives to learn from, one cut in each test life."""
    folder.mkdir(parents=True, exist_ok=True)
    source = data / "cmapss"
    train, test = (np.loadtxt(source / f"{part}_FD001.txt") for part in ("train", "test"))
    left = np.loadtxt(source / "RUL_FD001.txt")
    with (folder / "fd001.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*CMAPSS_COLUMNS, "RUL", "split"])
        for unit in np.unique(train[:, 0]):
            rows = train[train[:, 0] == unit]
            for place, row in enumerate(rows):
                writer.writerow([f"train{unit:g}", *row[1:], len(rows) - 1 - place, "train"])
        for place, unit in enumerate(np.unique(test[:, 0])):
            rows = test[test[:, 0] == unit]
            for row in rows[:-1]:
                writer.writerow([f"test{unit:g}", *row[1:], "", "test"])
            writer.writerow([f"test{unit:g}", *rows[-1, 1:], left[place], "test"])
    document = {
        "task": "tabular-regression",
        "tabular": {
            "file": "fd001.csv",
            "label": "RUL",
            "series": "unit",
            "exclude": ["cycle", "setting1", "setting2", "setting3"],
            "cap": float(RUL_CAP),
            "fail_below": 30.0,
        },
    }
    (folder / "dataset.toml").write_text(toml_text(document), encoding="utf-8")
    return folder


def skab_files(data: Path) -> list[PumpFile]:
    """All 34 files with anomalies, in the order of their folders."""
    paths = [
        path
        for family in ("valve1", "valve2", "other")
        for path in sorted((data / "skab" / family).glob("*.csv"), key=lambda p: int(p.stem))
    ]
    return [_pump_file(path) for path in paths]


def skab_set(pump: PumpFile, folder: Path) -> Path:
    """One file: its first 400 rows train, all others are judged."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pump.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*SKAB_TAGS, "state", "split"])
        for place, row in enumerate(pump.rows):
            state = "anomaly" if pump.anomalous[place] else "normal"
            split = "train" if place < SKAB_TRAIN_ROWS else "test"
            writer.writerow([*row, state, split])
    document = {
        "task": "tabular-anomaly",
        "good": ["normal"],
        "tabular": {"file": "pump.csv", "label": "state", "features": list(SKAB_TAGS)},
    }
    (folder / "dataset.toml").write_text(toml_text(document), encoding="utf-8")
    return folder


def _pump_file(path: Path) -> PumpFile:
    with path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    values = np.array([[float(row[tag]) for tag in SKAB_TAGS] for row in rows])
    anomalous = np.array([float(row["anomaly"]) > 0 for row in rows])
    return PumpFile(f"{path.parent.name}/{path.stem}", values, anomalous)
