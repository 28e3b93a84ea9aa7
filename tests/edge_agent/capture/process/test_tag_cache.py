"""What counts as a tag's value, and what is said of one that has none."""

from __future__ import annotations

import pytest

from edge_agent.capture.process.tag_cache import Cell, TagCache, TagTopic, TagValue

S = 1_000_000_000


def cache(*tags: tuple[str, str, str], stale_s: float = 10) -> TagCache:
    return TagCache([TagTopic(name=n, topic=t, key=k) for n, t, k in tags], stale_s)


def values(fresh: dict[str, TagValue]) -> dict[str, Cell]:
    """What a message said, without what could not be read."""
    return {name: said.value for name, said in fresh.items() if not said.fault}


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"12.5", 12.5),
        (b" 7\n", 7),
        (b"true", 1),
        (b"L", "L"),
        (b'"L"', "L"),
        (b"null", None),
        (b"NaN", None),
        (b"", None),
        (b"12,5", "12,5"),
    ],
    ids=str,
)
def test_a_plain_payload_is_the_value(payload: bytes, value: object) -> None:
    plain = cache(("x", "a/x", ""))
    assert values(plain.take("a/x", payload, 0)) == {"x": value}
    assert plain.faults(["x"], 0) == []


def test_keys_are_found_whole_and_by_steps() -> None:
    nested = cache(("x", "a", "air temp. [K]"), ("y", "a", "motor.torque"), ("z", "a", "gone"))
    payload = b'{"air temp. [K]": 300, "motor": {"torque": 40}}'
    assert values(nested.take("a", payload, 0)) == {"x": 300, "y": 40}
    assert nested.faults(["x", "y", "z"], 0) == ["z: nothing came on a"]


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"[1, 2]", "x: no JSON object that could hold 'v' on a"),
        (b'{"v": [1]}', "x: neither a number nor a text on a"),
        (b'{"v": 1', "x: a payload that is broken JSON on a"),
        (b"\xff\xfe", "x: a payload that is no text on a"),
        (b"[" * 100_000, "x: a payload that is nested too deep on a"),
        (b'{"v":' * 100_000, "x: a payload that is nested too deep on a"),
        (b" " * 1_048_577, "x: a payload of 1048577 bytes, 1048576 are read, on a"),
        (
            b'{"v": "' + b"m" * 5000 + b'"}',
            "x: a text of 5000 characters, 4096 are read, on a",
        ),
        (b'{"v": ' + b"9" * 5000 + b"}", "x: a payload that is broken JSON on a"),
    ],
    ids=["list", "nested", "broken", "bytes", "deep", "deeper", "huge", "long", "digits"],
)
def test_an_unreadable_payload_takes_the_value_away(payload: bytes, words: str) -> None:
    keyed = cache(("x", "a", "v"))
    keyed.take("a", b'{"v": 5}', 0)
    fresh = keyed.take("a", payload, S)
    assert (list(fresh), values(fresh)) == (["x"], {})
    assert keyed.faults(["x"], S) == [words]


def test_an_old_value_is_no_value() -> None:
    one = cache(("x", "a", ""), stale_s=2)
    one.take("a", b"1", 0)
    assert one.faults(["x"], 2 * S) == []
    assert one.faults(["x"], 3 * S) == ["x is stale: 3.0 s old, 2 s are allowed"]
    forever = cache(("x", "a", ""), stale_s=0)
    forever.take("a", b"1", 0)
    assert forever.faults(["x"], 1000 * S) == []


def test_a_retained_value_counts_only_where_values_do_not_grow_stale() -> None:
    strict, lasting = cache(("x", "a", "")), cache(("x", "a", ""), stale_s=0)
    assert strict.take("a", b"1", 0, retained=True) == {}
    assert values(lasting.take("a", b"1", 0, retained=True)) == {"x": 1}
