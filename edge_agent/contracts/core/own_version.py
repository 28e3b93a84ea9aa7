"""The version of Lineside that runs, and what it says of files that a newer one wrote."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from packaging.version import InvalidVersion, Version

UPDATE_FIRST = (
    "update this station's agent first: `lineside-deploy push-agent`, or here `lineside-agent "
    "self-update start`; a workshop: install that version of Lineside"
)


@cache
def own_version() -> str:
    """As its wheel says; empty for a tree that was not installed."""
    try:
        return version("lineside")
    except PackageNotFoundError:
        return ""


def is_older(one: str, other: str) -> bool:
    """Whether version `one` is before `other`; what is no version is not known, and not older."""
    try:
        return Version(one) < Version(other)
    except InvalidVersion:
        return False
