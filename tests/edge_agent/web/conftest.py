"""The page of every test of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.page_kit import PageKit


@pytest.fixture
def kit(tmp_path: Path) -> PageKit:
    return PageKit(tmp_path)
