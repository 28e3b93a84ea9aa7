"""The station.toml that is being made: what was chosen, over what the file has already."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import validate
from edge_agent.contracts.core.toml import read_toml_document, toml_document, toml_text
from edge_agent.station.config import ImageChannel, StationConfig
from edge_agent.web.commission import Choice

CHANNEL = "camera"
ROOTS = ("", "station")
"""Where `lineside-deploy push` may have put bundles, below the folder of station.toml."""


class Draft:
    """A station.toml on its way. path: where it will lie; web: the table of the page that runs."""

    def __init__(self, path: Path, web: Mapping[str, object]) -> None:
        self.path = path
        self._web = dict(web)
        self._former = path.with_name(f"{path.name}.before")

    @property
    def folder(self) -> Path:
        """Of station.toml."""
        return self.path.parent

    @property
    def can_undo(self) -> bool:
        """Whether the file of before is kept."""
        return self._former.exists()

    def bundles(self) -> list[str]:
        """The bundle folders that were pushed here, relative to the folder of station.toml."""
        found = []
        for root in ROOTS:
            home = self.folder / root / "bundles"
            names = sorted(home.iterdir()) if home.is_dir() else []
            found += [str(one.relative_to(self.folder)) for one in names if one.is_dir()]
        return found

    def text(self, choice: Choice) -> str:
        """The TOML of a choice; raises ConfigError for a bundle that is not there."""
        if choice.bundle not in self.bundles():
            raise ConfigError("no such bundle", where=choice.bundle, cure="push it, or choose one")
        document = read_toml_document(self.path) if self.path.exists() else {}
        document["station"] = _table(document, "station") | {"id": choice.station}
        document["trust"] = {"root": str(Path(choice.bundle).parent.parent)}
        document["web"] = _table(document, "web") | self._web
        document["line"] = _line(_table(document, "line"), has_trigger=bool(choice.trigger))
        for name, table in (("trigger", choice.trigger), ("output", choice.output)):
            document.pop(name, None)
            if table:
                document[name] = [table] if name == "output" else table
        document["channel"] = _channels(document.get("channel"), choice)
        return toml_text(document)

    def config(self, choice: Choice) -> StationConfig:
        """The configuration of a choice; raises ConfigError for what is wrong with it."""
        document = toml_document(self.text(choice).encode(), self.path.name)
        context = {"folder": self.folder.resolve()}
        return validate(StationConfig, document, self.path.name, context=context)

    def channel(self, choice: Choice) -> tuple[ImageChannel, StationConfig]:
        """The camera's channel and the configuration; raises ConfigError."""
        config = self.config(choice)
        channel = next(one for one in config.channel if one.name == CHANNEL)
        if not isinstance(channel, ImageChannel):
            raise ConfigError("is no camera", where=f"channel {CHANNEL}", cure="rename it")
        return channel, config

    def difference(self, choice: Choice) -> str:
        """What would change in station.toml, as a unified difference."""
        lines = [self._now(), self.text(choice)]
        before, after = (text.splitlines(keepends=True) for text in lines)
        return "".join(difflib.unified_diff(before, after, "station.toml", "station.toml (new)"))

    def write(self, choice: Choice) -> None:
        """Write the file; what was there before is kept beside it."""
        text = self.text(choice)
        write_atomic(self._former, self._now().encode())
        write_atomic(self.path, text.encode())

    def undo(self) -> None:
        """Write the file of before, or remove the file where there was none."""
        former = self._former.read_bytes()
        if former:
            write_atomic(self.path, former)
        else:
            self.path.unlink(missing_ok=True)
        self._former.unlink()

    def _now(self) -> str:
        return self.path.read_text("utf-8") if self.path.exists() else ""


def _table(document: Mapping[str, object], name: str) -> dict[str, object]:
    found = document.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _line(table: dict[str, object], *, has_trigger: bool) -> dict[str, object]:
    """A trigger reports the parts; without one each frame is a part."""
    if has_trigger:
        return {"join": "trigger"} | table
    return {key: value for key, value in table.items() if key != "join"}


def _channels(found: object, choice: Choice) -> list[object]:
    """The channels with the camera's new bundle and source."""
    rows = [dict(row) for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    camera = next((row for row in rows if row.get("name") == CHANNEL), None)
    if camera is None:
        camera = {"name": CHANNEL, "kind": "image"}
        rows.append(camera)
    camera |= {"bundle": choice.bundle, "source": dict(choice.source)}
    if choice.trigger.get("channel") == CHANNEL:
        # A trigger that looks at the camera tells of a part with the very frame that shows it.
        camera["match"] = _table(camera, "match") | {"window_ms": [0, 0], "stamp": "arrival"}
    camera.pop("view", None)
    if choice.view:
        camera["view"] = dict(choice.view)
    return list(rows)
