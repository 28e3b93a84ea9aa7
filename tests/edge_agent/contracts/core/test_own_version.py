"""Versions in their order."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from edge_agent.contracts.core.own_version import is_older, own_version, version_of_tree

REPO = Path(__file__).parents[4]


def test_a_tree_says_its_version_itself() -> None:
    """An editable install may be of an earlier one."""
    stated = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["version"]
    assert own_version() == stated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[project]\nname = "lineside"\nversion = "1.2.3"', "1.2.3"),
        ('[project]\nname = "another"\nversion = "1.2.3"', ""),
        ('[project]\nname = "lineside"\ndynamic = ["version"]', ""),
        ("[tool.black]", ""),
        ("project = 3", ""),
        ("[project", ""),
    ],
    ids=["own", "another project", "no version", "no project", "no table", "no TOML"],
)
def test_another_projects_file_says_nothing(text: str, expected: str, tmp_path: Path) -> None:
    """Some wheels leave their pyproject.toml beside the packages that are installed."""
    (tmp_path / "pyproject.toml").write_text(text)
    assert version_of_tree(tmp_path) == expected


def test_a_folder_without_a_project_says_nothing(tmp_path: Path) -> None:
    assert version_of_tree(tmp_path) == ""


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("0.9.0", "0.10.0", True),
        ("0.10.0", "0.9.0", False),
        ("1.0.0", "1.0.0", False),
        ("", "1.0.0", False),
        ("1.0.0", "", False),
        ("what a stranger says", "1.0.0", False),
    ],
)
def test_versions_are_older_by_number(one: str, other: str, expected: bool) -> None:
    assert is_older(one, other) is expected
