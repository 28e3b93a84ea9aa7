"""What each tag said last, and whether that still counts; without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edge_agent.capture.tables import TagTopic
from edge_agent.contracts.process.tables import Row

Cell: TypeAlias = float | int | str | None
"""A tag's value; None where its sender says that it has none."""

MOST_BYTES = 1 << 20
"""A larger payload is no set of tags, and many of them would be the station's memory."""
MOST_CHARACTERS = 4096
"""A longer text is no value of a tag."""


@dataclass(frozen=True)
class Said:
    """A tag's last message: its value, or what was wrong with it, and when it came."""

    value: Cell
    mono_ns: int
    fault: str = ""


class TagBoard:
    """Holds the last value of every tag. Retained messages have no known age: where values grow
    stale (stale_s > 0) they are not taken.
    """

    def __init__(self, tags: Sequence[TagTopic], stale_s: float) -> None:
        self._tags = {tag.name: tag for tag in tags}
        self._stale_s = stale_s
        self._said: dict[str, Said] = {}

    @property
    def topics(self) -> list[str]:
        """Every topic once."""
        return list(dict.fromkeys(tag.topic for tag in self._tags.values()))

    def hear(
        self, topic: str, payload: bytes, mono_ns: int, *, retained: bool = False
    ) -> dict[str, Said]:
        """Take a message; gives what it said of each tag that it held, or might have held."""
        if retained and self._stale_s > 0:
            return {}
        spoke: dict[str, Said] = {}
        document, fault = _document(payload)
        for tag in self._tags.values():
            if tag.topic != topic:
                continue
            said = _said(tag, document, fault, mono_ns)
            if said is not None:
                spoke[tag.name] = said
        self._said |= spoke
        return spoke

    def heard_all(self, names: Sequence[str]) -> bool:
        """Whether each of the tags has said something."""
        return all(name in self._said for name in names)

    def silent(self, names: Sequence[str], mono_ns: int) -> list[str]:
        """Why the tags that have no value now have none, in sentences."""
        found = [self._fault(name, mono_ns) for name in names]
        return [fault for fault in found if fault]

    def value(self, name: str) -> Cell:
        """The last value of a tag."""
        said = self._said.get(name)
        return None if said is None else said.value

    def row(self, names: Sequence[str]) -> Row:
        """The last values of the tags."""
        return {name: self.value(name) for name in names}

    def clear(self) -> None:
        """Forget every value: nobody knows what became of it while nobody listened."""
        self._said.clear()

    def _fault(self, name: str, mono_ns: int) -> str:
        said, topic = self._said.get(name), self._tags[name].topic
        if said is None:
            return f"{name}: nothing came on {topic}"
        if said.fault:
            return f"{name}: {said.fault} on {topic}"
        age_s = (mono_ns - said.mono_ns) / 1e9
        if 0 < self._stale_s < age_s:
            return f"{name} is stale: {age_s:.1f} s old, {self._stale_s:g} s are allowed"
        return ""


def _said(tag: TagTopic, document: object, fault: str, mono_ns: int) -> Said | None:
    """What a message says of one tag; None where it does not speak of it."""
    if fault:
        return Said(None, mono_ns, fault)
    if not tag.key:
        return _value(document, mono_ns)
    if not isinstance(document, dict):
        return Said(None, mono_ns, f"no JSON object that could hold {tag.key!r}")
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


def _value(value: object, mono_ns: int) -> Said:
    if isinstance(value, bool):
        return Said(int(value), mono_ns)
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return Said(
            None, mono_ns, f"a text of {len(value)} characters, {MOST_CHARACTERS} are read,"
        )
    if value is None or isinstance(value, int | float | str):
        return Said(value, mono_ns)
    return Said(None, mono_ns, "neither a number nor a text")
