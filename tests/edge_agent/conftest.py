"""Bundles, frames and recordings for the tests of the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.station_kit import write_frames, write_image_bundle, write_vibration_bundle


@pytest.fixture(scope="session")
def image_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that fails dark frames."""
    return write_image_bundle(tmp_path_factory.mktemp("bundles") / "brightness.bundle")


@pytest.fixture(scope="session")
def vibration_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that fails loud recordings."""
    return write_vibration_bundle(tmp_path_factory.mktemp("bundles") / "loudness.bundle")


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A folder with both bundles and twelve frames, three of them dark."""
    write_image_bundle(tmp_path / "brightness.bundle")
    write_vibration_bundle(tmp_path / "loudness.bundle")
    write_frames(tmp_path / "frames", 12)
    return tmp_path
