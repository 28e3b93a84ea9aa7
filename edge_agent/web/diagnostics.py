"""The file for support: what the station is, how it is, and its log; no secrets, no pictures."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.web.api_models import LineView, SystemView
from edge_agent.web.commission import Commissioner
from edge_agent.web.log_tail import without_secrets

SECRET_KEYS = ("password", "token", "secret", "key", "cert")
"""Parts of a key's name whose value is left out."""
README = """Made by the station's page for whoever helps with it.
system.json   the machine, versions and the last lines of the log
board.json    the checks of `lineside-agent doctor`
line.json     state, counts and the last parts of the screen Line
station.json  the whole configuration; values of secrets and paths of keys are ****
packages.txt  installed packages
"""


@dataclass(frozen=True)
class Inside:
    """What only the agent knows of itself.

    board: the doctor's checks; config: station.toml; bundles_root: the station folder with its
    slots; commissioner: while the station is set up.
    """

    board: Callable[[], Sequence[CheckResult]] = tuple
    config: Callable[[], dict[str, object]] = dict
    bundles_root: Path | None = None
    commissioner: Commissioner | None = None


def diagnostics(inside: Inside, system: SystemView, line: LineView) -> bytes:
    """The ZIP file."""
    board = [result.row() for result in inside.board()]
    names = sorted(f"{one.name}=={one.version}" for one in distributions())
    files = {
        "README.txt": README,
        "system.json": system.model_dump_json(indent=1),
        "board.json": json.dumps(board, indent=1),
        "line.json": line.model_dump_json(indent=1),
        "station.json": json.dumps(masked(inside.config()), indent=1),
        "packages.txt": "\n".join(names) + "\n",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, without_secrets(text))
    return packed.getvalue()


def masked(value: object, key: str = "") -> object:
    """The configuration with **** in the place of secrets, at any depth."""
    if isinstance(value, dict):
        return {name: masked(one, str(name)) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(one, key) for one in value]
    hides = any(word in key.lower() for word in SECRET_KEYS)
    return "****" if hides and isinstance(value, str) and value else value
