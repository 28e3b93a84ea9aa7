"""A station's own small files: what is damaged is an error by its place and its cure."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import parse_json

Kind = TypeVar("Kind", bound=Strict)


def parse_stored(kind: type[Kind], text: bytes, path: Path, what: str, cure: str) -> Kind:
    """The content of the file `path`; raises StorageError with `what` where it is damaged.

    cure: what to do once the disk has been checked.
    """
    try:
        return parse_json(kind, text, str(path))
    except BundleError as error:
        raise StorageError(what, where=str(path), cure=f"check the disk; then {cure}") from error
