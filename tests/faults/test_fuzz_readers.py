"""Mutated pictures, tables, recordings and configurations: only a LinesideError comes out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import psutil
import pytest

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.toml import read_toml
from trainer.config.fit import FitConfig
from trainer.data.dataset_toml import DatasetConfig

CONTRACTS = Path(__file__).parents[1] / "edge_agent" / "contracts"
COUNT = int(os.environ.get("LINESIDE_FUZZ", "10000"))
MOST_MB = 600
"""What the process may grow by: libraries, a decoded picture, a table."""

DATASET = """task = "tabular-class"
good = ["ok"]
exclude = ["**/old/*"]
[tabular]
file = "rows.csv"
label = "state"
features = ["a", "b"]
[tabular.tags."torque [Nm]"]
low = 0.0
high = 60.0
[[tabular.derived]]
name = "power"
op = "product"
of = ["a", "b"]
"""
FIT = """model = "cnn"
epochs = 3
[image]
size_px = 32
augment = ["flip", "rotate"]
region = [0.1, 0.1, 0.8, 0.8]
[options]
width = 2
"""


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fuzz_configs(count: int, seed: int, folder: Path) -> None:
    rng = np.random.default_rng(seed)
    path = folder / "mutated.toml"
    for place in range(count):
        schema: Any = (DatasetConfig, FitConfig)[place % 2]
        data = bytearray((DATASET, FIT)[place % 2].encode())
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(0, len(data)))
            how = int(rng.integers(0, 3))
            if how == 0:
                data[at] = int(rng.integers(0, 256))
            elif how == 1:
                del data[at : at + int(rng.integers(1, 20))]
            else:
                words = (b"[", b"]", b'"', b"=", b"1e400", b"nan", b"[[a]]", b"\n", b"-9" * 40)
                data[at:at] = words[int(rng.integers(len(words)))]
            data = data or bytearray(b"x")
        path.write_bytes(data)
        try:
            read_toml(path, schema)
        except LinesideError:
            continue


def grown_mb(run: Callable[[], None]) -> float:
    process = psutil.Process()
    before = process.memory_info().rss
    run()
    return (process.memory_info().rss - before) / (1 << 20)


def test_mutated_configurations_are_read_or_refused(tmp_path: Path) -> None:
    fuzz_configs(300, 5, tmp_path)


@pytest.mark.faults
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["pictures", "tables", "recordings", "configs"])
def test_many_mutated_files_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    pictures = loaded(CONTRACTS / "image" / "test_decode.py").fuzz_pictures
    tables = loaded(CONTRACTS / "process" / "test_table_faults.py").fuzz_tables
    recordings = loaded(CONTRACTS / "vibration" / "test_recording_faults.py").fuzz_recordings
    runs: dict[str, Callable[[], None]] = {
        "pictures": lambda: pictures(COUNT, 11),
        "tables": lambda: tables(COUNT, 11, tmp_path),
        "recordings": lambda: recordings(COUNT, 11, tmp_path),
        "configs": lambda: fuzz_configs(COUNT, 11, tmp_path),
    }
    assert grown_mb(runs[kind]) < MOST_MB
