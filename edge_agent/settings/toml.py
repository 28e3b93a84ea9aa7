"""The tables of station.toml: paths in it are relative to the file that names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, ValidationInfo

from edge_agent.contracts.core.extras import Library
from edge_agent.contracts.core.strict import Strict

CURE = "`lineside-agent config --reference` lists all"


class Table(Strict):
    """One table of station.toml, and what it asks of the board."""

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return ()

    @property
    def listens_on(self) -> tuple[int, ...]:
        """The TCP ports that it opens on this station."""
        return ()

    @property
    def device_nodes(self) -> tuple[str, ...]:
        """The device nodes that it opens: every value that is the path of one."""
        values = (value for value in self.__dict__.values() if isinstance(value, str))
        return tuple(value for value in values if value.startswith("/dev/"))


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if path.is_absolute() or folder is None else Path(folder) / path


StationPath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path; a relative one is relative to the folder of the file that names it."""

IDENTITY, SECRET = "identity", "secret"
IdentityPath = Annotated[StationPath, IDENTITY]
"""The path of what says who this station is, or lets it in: a key, a certificate, a password."""

SecretPath = Annotated[StationPath, IDENTITY, SECRET]
"""One that others must not read."""


def identity_paths(value: object) -> Iterator[Path]:
    """Every IdentityPath below a table, or a list or dict of tables, in the order of the fields."""
    return _marked(value, IDENTITY)


def secret_paths(value: object) -> Iterator[Path]:
    """Every SecretPath, likewise."""
    return _marked(value, SECRET)


def _marked(value: object, mark: str) -> Iterator[Path]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            marks = (
                *field.metadata,
                *(m for arg in get_args(field.annotation) for m in _marks(arg)),
            )
            if mark not in marks:
                yield from _marked(inner, mark)
            elif inner is not None:
                yield inner
    elif isinstance(value, dict):
        yield from _marked(list(value.values()), mark)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _marked(one, mark)


def _marks(annotation: object) -> tuple[object, ...]:
    return getattr(annotation, "__metadata__", ())
