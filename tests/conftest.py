"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("LINESIDE_DATA", Path(__file__).parents[2] / "shared" / "data"))
WEIGHTS = DATA.parent / "weights" / "mobilenet_v2_1.0_no_top.weights.h5"


LONG_FIRST = ("line", "trainer", "quantize", "faults")
"""Folders in the order in which they are begun: what is short fills the last gaps."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files begin first, so that no worker is left alone with one at the end."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real recordings; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real data at {DATA}: set LINESIDE_DATA to a folder that has it")
    return DATA


@pytest.fixture(scope="session")
def imagenet_weights() -> Path:
    """MobileNetV2 weights; tests that need them skip where they are absent."""
    if not WEIGHTS.is_file():
        pytest.skip(f"no ImageNet weights at {WEIGHTS}")
    return WEIGHTS
