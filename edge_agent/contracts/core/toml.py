"""TOML files of people, read into one schema and written back: for the workshop and the station."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomli_w

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import Schema, validate
from edge_agent.contracts.core.text import decode_text

MOST_BYTES = 1 << 20
"""A configuration is text that somebody wrote; more is another file by mistake."""
MOST_STEPS = 100
"""Dots in one key: the reader takes time and memory by their square, 40 kB of them 2.4 GB."""


def read_toml_document(path: Path) -> dict[str, object]:
    """The tables of a TOML file; raises ConfigError that names the file and the line."""
    return toml_document(_payload(path), str(path))


def toml_document(payload: bytes, where: str) -> dict[str, object]:
    """The tables of a TOML file's bytes; raises ConfigError that names `where` and the line."""
    if len(payload) > MOST_BYTES:
        raise ConfigError("is larger than 1 MB", where=where, cure="name a TOML file")
    try:
        text = decode_text(payload)
        _refuse_deep_keys(text)
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"is not UTF-8 text ({error.reason} at byte {error.start})",
            where=where,
            cure="save it as UTF-8",
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(
            f"is not TOML ({error})", where=where, cure="correct the line it names"
        ) from error


def read_toml(path: Path, schema: type[Schema], *, cure: str = "correct it") -> Schema:
    """Read and validate a TOML file; raises ConfigError that names the file, the keys, the cure.

    Validators find the file's folder as `folder` in their context.
    """
    context = {"folder": path.resolve().parent}
    return validate(schema, read_toml_document(path), str(path), cure=cure, context=context)


def _payload(path: Path) -> bytes:
    """The file's bytes, one too many at most."""
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot be read ({error.strerror})", where=str(path), cure="check the path"
        ) from error


def _refuse_deep_keys(text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > MOST_STEPS and line.partition("=")[0].count(".") > MOST_STEPS:
            raise ValueError(f"line {number}: a key of more than {MOST_STEPS} steps")


def toml_text(document: Mapping[str, object]) -> str:
    """The TOML of nested tables of text, numbers, truth values and lists; None is left out."""
    return tomli_w.dumps(_without_none(document))


def _without_none(table: Mapping[str, object]) -> dict[str, object]:
    return {key: _plain(value) for key, value in table.items() if value is not None and value != {}}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return _without_none(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value if item is not None]
    return value
