"""The latest value of each tag, and whether it is still fresh. Does no I/O."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from pydantic import Field

from edge_agent.contracts.core.text import repeated_name
from edge_agent.contracts.process.tables import Row
from edge_agent.settings.toml import Table

Cell: TypeAlias = float | int | str | None
"""A tag's value, which may be true or false; None where its sender says that it has none."""

MOST_BYTES = 1 << 20
"""A larger payload is no set of tags, and many of them would be the station's memory."""
MOST_STEPS = 4
"""Objects inside one another that a key is looked for in, where it is not found."""
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
    """A tag's last message: its value, or what was wrong with it, and when it came.

    trigger: number of the message, where the same message held the trigger; else 0.
    """

    value: Cell
    mono_ns: int
    fault: str = ""
    trigger: int = 0


@dataclass
class _Topic:
    """What came on a topic: messages, how many of them retained ones, the last JSON object."""

    messages: int = 0
    retained: int = 0
    document: Mapping[str, object] | None = None


class TagCache:
    """Holds the last value of every tag. Retained messages have no known age: where values grow
    stale (stale_s > 0) they are not taken.

    trigger: the tag that announces a part. A value that came in one message with the trigger
    belongs to that part alone, unless tags are sent on change only (stale_s = 0).
    """

    def __init__(self, tags: Sequence[TagTopic], stale_s: float, trigger: str = "") -> None:
        self.messages = 0
        self._tags = {tag.name: tag for tag in tags}
        self._stale_s = stale_s
        self._trigger = trigger
        self._values: dict[str, TagValue] = {}
        self._topics: dict[str, _Topic] = {tag.topic: _Topic() for tag in tags}

    @property
    def topics(self) -> list[str]:
        """Every topic once."""
        return list(self._topics)

    def take(
        self, topic: str, payload: bytes, mono_ns: int, *, retained: bool = False
    ) -> dict[str, TagValue]:
        """Take a message; return the new value of each tag that it held, or might have held."""
        self.messages += 1
        if not self._is_taken(topic, retained=retained):
            return {}
        fresh: dict[str, TagValue] = {}
        document, fault = _document(payload)
        if isinstance(document, dict):
            self._topics[topic].document = document
        for tag in self._tags.values():
            if tag.topic != topic:
                continue
            latest = _tag_value(tag, document, fault, mono_ns)
            if latest is not None:
                fresh[tag.name] = latest
        if self._trigger in fresh and self._stale_s > 0:
            fresh = {name: replace(one, trigger=self.messages) for name, one in fresh.items()}
        self._values |= fresh
        return fresh

    def has_all(self, names: Sequence[str]) -> bool:
        """Whether every tag has had a message."""
        return all(name in self._values for name in names)

    def faults(self, names: Sequence[str], mono_ns: int, message: int = 0) -> list[str]:
        """Why the tags that have no value now have none, in sentences.

        message: number of the message that announced the part, or 0.
        """
        found = [self._fault(name, mono_ns, message) for name in names]
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
        self._topics = {topic: _Topic() for topic in self._topics}

    def _is_taken(self, topic: str, *, retained: bool) -> bool:
        came = self._topics.get(topic)
        if came is None:
            return False
        came.messages += 1
        came.retained += retained
        return not (retained and self._stale_s > 0)

    def _fault(self, name: str, mono_ns: int, message: int) -> str:
        latest, tag = self._values.get(name), self._tags[name]
        if latest is None:
            return f"{name}: {self._nothing(tag)}"
        if latest.fault:
            return f"{name}: {latest.fault} on {tag.topic}"
        if message and latest.trigger and latest.trigger != message:
            return f"{name}: only the value of another part is there, on {tag.topic}"
        age_s = (mono_ns - latest.mono_ns) / 1e9
        if 0 < self._stale_s < age_s:
            return f"{name} is stale: {age_s:.1f} s old, {self._stale_s:g} s are allowed"
        return ""

    def _nothing(self, tag: TagTopic) -> str:
        """Why there is no value of a tag that never had one."""
        came = self._topics[tag.topic]
        if not came.messages:
            return f"nothing came on {tag.topic}"
        if came.messages == came.retained and self._stale_s > 0:
            return (
                f"only a retained message came on {tag.topic}, whose age nobody knows; where tags "
                "are sent on change, set stale_s = 0"
            )
        found = list(_keys(came.document or {}))
        near = next((key for key in found if _plain(key) == _plain(tag.key)), "") or next(
            (key for key in found if _plain(key.split(".")[-1]) == _plain(tag.key)), ""
        )
        hint = f"did you mean {near!r}?" if near else f"it holds {', '.join(found[:12]) or 'none'}"
        messages = f"{came.messages} message(s) came on {tag.topic}"
        return f"{messages}, none with the key {tag.key!r}; {hint}"


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
        text = payload.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return None, "a payload that is no text"
    if not text:
        return None, ""
    try:
        loaded = json.loads(
            text, parse_constant=lambda name: None, object_pairs_hook=_object_of_pairs
        )
    except _TwiceError as error:
        return None, f"a payload that holds the key {str(error)!r} twice"
    except RecursionError:
        return None, "a payload that is nested too deep"
    except ValueError:
        broken = text[0] in "{["
        return (None, "a payload that is broken JSON") if broken else (text, "")
    return loaded, ""


class _TwiceError(Exception):
    """A key that stands twice in a JSON object: nobody knows which value is meant."""


def _object_of_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError((repeated_name(name for name, _ in pairs) or "")[:60])
    return found


def _keys(document: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """The keys of a JSON object, those inside after a dot."""
    for key, value in document.items():
        if isinstance(value, dict) and prefix.count(".") < MOST_STEPS:
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _plain(key: str) -> str:
    return "".join(key.split()).casefold()


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
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return TagValue(
            None, mono_ns, f"a text of {len(value)} characters, {MOST_CHARACTERS} are read,"
        )
    if isinstance(value, str) and _is_odd_number(value):
        return TagValue(None, mono_ns, f"{value!r}, a number that is not written in plain digits,")
    if isinstance(value, int | float | str) and _is_infinite(value):
        return TagValue(None, mono_ns, "a number that is beyond every range")
    if value is None or isinstance(value, int | float | str):
        return TagValue(value, mono_ns)
    return TagValue(None, mono_ns, "neither a number nor a text")


def _is_infinite(value: float | str) -> bool:
    """Whether a number overflows: it is there, and must not be filled as a missing one is."""
    if isinstance(value, str) and not any(map(str.isdigit, value)):
        return False  # "inf" is a word, of a category or for no value
    try:
        return math.isinf(float(value))
    except OverflowError:  # an integer of more than 308 digits
        return True
    except ValueError:  # a text
        return False


def _is_odd_number(text: str) -> bool:
    """Whether Python, but no other program, would take a text for a number: `2_0`, other digits."""
    if text.isascii() and "_" not in text:
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
