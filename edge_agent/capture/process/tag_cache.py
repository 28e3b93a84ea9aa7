"""The latest value of each tag, and whether it is still fresh. Does no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import Field

from edge_agent.contracts.process.tables import Row
from edge_agent.settings.toml import Table

Cell: TypeAlias = float | int | str | None
"""A tag's value; None where its sender says that it has none."""

MOST_BYTES = 1 << 20
"""A larger payload is no set of tags, and many of them would be the station's memory."""
MOST_CHARACTERS = 4096
"""A longer text is no value of a tag."""


class TagTopic(Table):
    """Where one tag comes from."""

    name: str = Field(
        min_length=1, description="as the model calls it; another unit in the brackets is converted"
    )
    topic: str = Field(min_length=1, pattern=r"^[^+#\x00]+$", description="without wildcards")
    key: str = Field(
        default="", description="of a JSON object, dots lead inside; empty: the payload itself"
    )


@dataclass(frozen=True)
class TagValue:
    """A tag's last message: its value, or what was wrong with it, and when it came."""

    value: Cell
    mono_ns: int
    fault: str = ""


class TagCache:
    """Holds the last value of every tag. Retained messages have no known age: where values grow
    stale (stale_s > 0) they are not taken.
    """

    def __init__(self, tags: Sequence[TagTopic], stale_s: float) -> None:
        self._tags = {tag.name: tag for tag in tags}
        self._stale_s = stale_s
        self._values: dict[str, TagValue] = {}

    @property
    def topics(self) -> list[str]:
        """Every topic once."""
        return list(dict.fromkeys(tag.topic for tag in self._tags.values()))

    def take(
        self, topic: str, payload: bytes, mono_ns: int, *, retained: bool = False
    ) -> dict[str, TagValue]:
        """Take a message; return the new value of each tag that it held, or might have held."""
        if retained and self._stale_s > 0:
            return {}
        fresh: dict[str, TagValue] = {}
        document, fault = _document(payload)
        for tag in self._tags.values():
            if tag.topic != topic:
                continue
            latest = _tag_value(tag, document, fault, mono_ns)
            if latest is not None:
                fresh[tag.name] = latest
        self._values |= fresh
        return fresh

    def has_all(self, names: Sequence[str]) -> bool:
        """Whether every tag has had a message."""
        return all(name in self._values for name in names)

    def faults(self, names: Sequence[str], mono_ns: int) -> list[str]:
        """Why the tags that have no value now have none, in sentences."""
        found = [self._fault(name, mono_ns) for name in names]
        return [fault for fault in found if fault]

    def value(self, name: str) -> Cell:
        """The last value of a tag."""
        latest = self._values.get(name)
        return None if latest is None else latest.value

    def row(self, names: Sequence[str]) -> Row:
        """The last values of the tags."""
        return {name: self.value(name) for name in names}

    def clear(self) -> None:
        """Forget every value: nobody knows what became of it while nobody listened."""
        self._values.clear()

    def _fault(self, name: str, mono_ns: int) -> str:
        latest, topic = self._values.get(name), self._tags[name].topic
        if latest is None:
            return f"{name}: nothing came on {topic}"
        if latest.fault:
            return f"{name}: {latest.fault} on {topic}"
        age_s = (mono_ns - latest.mono_ns) / 1e9
        if 0 < self._stale_s < age_s:
            return f"{name} is stale: {age_s:.1f} s old, {self._stale_s:g} s are allowed"
        return ""


def _tag_value(tag: TagTopic, document: object, fault: str, mono_ns: int) -> TagValue | None:
    """The value of one tag in a message; None where the message does not hold it."""
    if fault:
        return TagValue(None, mono_ns, fault)
    if not tag.key:
        return _value(document, mono_ns)
    if not isinstance(document, dict):
        return TagValue(None, mono_ns, f"no JSON object that could hold {tag.key!r}")
    found, value = _inside(document, tag.key)
    return _value(value, mono_ns) if found else None


def _document(payload: bytes) -> tuple[object, str]:
    """The payload as JSON, else as plain text; and what is wrong with it, or nothing."""
    if len(payload) > MOST_BYTES:
        return None, f"a payload of {len(payload)} bytes, {MOST_BYTES} are read,"
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None, "a payload that is no text"
    if not text:
        return None, ""
    try:
        return json.loads(text, parse_constant=lambda name: None), ""
    except RecursionError:
        return None, "a payload that is nested too deep"
    except ValueError:
        broken = text[0] in "{["
        return (None, "a payload that is broken JSON") if broken else (text, "")


def _inside(document: Mapping[str, object], key: str) -> tuple[bool, object]:
    """Whether `key` is there, whole or as steps between dots, and what it holds."""
    if key in document:
        return True, document[key]
    head, dot, rest = key.partition(".")
    inner = document.get(head)
    if not dot or not isinstance(inner, dict):
        return False, None
    return _inside(inner, rest)


def _value(value: object, mono_ns: int) -> TagValue:
    if isinstance(value, bool):
        return TagValue(int(value), mono_ns)
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return TagValue(
            None, mono_ns, f"a text of {len(value)} characters, {MOST_CHARACTERS} are read,"
        )
    if value is None or isinstance(value, int | float | str):
        return TagValue(value, mono_ns)
    return TagValue(None, mono_ns, "neither a number nor a text")
