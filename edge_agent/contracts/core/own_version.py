"""The version of Lineside that runs, and what it says of files that a newer one wrote."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import InvalidVersion, Version

UPDATE_FIRST = (
    "update this station's agent first: `lineside-deploy push-agent`, or here `lineside-agent "
    "self-update start`; a workshop: install that version of Lineside"
)

PROJECT = "lineside"
TREE = Path(__file__).parents[3]


@cache
def own_version() -> str:
    """As the tree that it runs from says, else as its wheel; empty where neither does.

    An editable install goes on saying what its tree was when it was installed.
    """
    try:
        return version_of_tree(TREE) or version(PROJECT)
    except PackageNotFoundError:
        return ""


def version_of_tree(folder: Path) -> str:
    """As the pyproject.toml of a tree of Lineside says; empty where `folder` is none."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        return str(project["version"]) if project["name"] == PROJECT else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def is_older(one: str, other: str) -> bool:
    """Whether version `one` is before `other`; what is no version is not known, and not older."""
    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return False
