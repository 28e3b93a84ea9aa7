"""What counts as a tag's value, and what is said of one that has none."""

from __future__ import annotations

import pytest

from edge_agent.capture.process.tag_cache import Cell, TagCache, TagTopic, TagValue

S = 1_000_000_000


def cache(*tags: tuple[str, str, str], stale_s: float = 10, trigger: str = "") -> TagCache:
    return TagCache([TagTopic(name=n, topic=t, key=k) for n, t, k in tags], stale_s, trigger)


def values(fresh: dict[str, TagValue]) -> dict[str, Cell]:
    """What a message said, without what could not be read."""
    return {name: said.value for name, said in fresh.items() if not said.fault}


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"12.5", 12.5),
        (b" 7\n", 7),
        (b"true", True),
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
    taken = values(plain.take("a/x", payload, 0))
    assert taken == {"x": value}
    assert type(taken["x"]) is type(value)
    assert plain.faults(["x"], 0) == []


def test_keys_are_found_whole_and_by_steps() -> None:
    nested = cache(("x", "a", "air temp. [K]"), ("y", "a", "motor.torque"), ("z", "a", "gone"))
    payload = b'{"air temp. [K]": 300, "motor": {"torque": 40}}'
    assert values(nested.take("a", payload, 0)) == {"x": 300, "y": 40}
    assert nested.faults(["x", "y", "z"], 0) == [
        "z: 1 message(s) came on a, none with the key 'gone'; it holds air temp. [K], motor.torque"
    ]


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
        (b'{"v": 1, "v": 2}', "x: a payload that holds the key 'v' twice on a"),
        (b'{"v": "2_0"}', "x: '2_0', a number that is not written in plain digits, on a"),
        (
            '{"v": "\u0662\u0660"}'.encode(),
            "x: '\u0662\u0660', a number that is not written in plain digits, on a",
        ),
        (b'{"v": ' + b"9" * 5000 + b"}", "x: a payload that is broken JSON on a"),
        (b'{"v": ' + b"9" * 400 + b"}", "x: a number that is beyond every range on a"),
        (b'{"v": -1e999}', "x: a number that is beyond every range on a"),
        (b'{"v": "1e999"}', "x: a number that is beyond every range on a"),
    ],
    ids=[
        "list",
        "nested",
        "broken",
        "bytes",
        "deep",
        "deeper",
        "huge",
        "long",
        "twice",
        "under",
        "arabic",
        "digits",
        "integer beyond",
        "number beyond",
        "text beyond",
    ],
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


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b'{"Torque [Nm]": 40}', "did you mean 'Torque [Nm]'?"),
        (b'{"fields": {"torque [Nm]": 40}}', "did you mean 'fields.torque [Nm]'?"),
        (b'{"torque[nm]": 40, "n": 1}', "did you mean 'torque[nm]'?"),
        (b'{"speed": 1}', "it holds speed"),
    ],
    ids=["case", "nested", "spaces", "other"],
)
def test_a_key_that_is_written_otherwise_is_named(payload: bytes, words: str) -> None:
    keyed = cache(("torque [Nm]", "plant/mill", "torque [Nm]"))
    keyed.take("plant/mill", payload, 0)
    keyed.take("plant/mill", payload, 0)
    fault = keyed.faults(["torque [Nm]"], 0)[0]
    assert fault.startswith("torque [Nm]: 2 message(s) came on plant/mill, none with the key")
    assert fault.endswith(words)


def test_a_lone_retained_message_is_named() -> None:
    strict = cache(("x", "a", ""))
    strict.take("a", b"1", 0, retained=True)
    assert "only a retained message came on a" in strict.faults(["x"], 0)[0]
    assert "stale_s = 0" in strict.faults(["x"], 0)[0]


def test_a_byte_order_mark_is_no_part_of_the_payload() -> None:
    keyed = cache(("x", "a", "v"))
    assert values(keyed.take("a", b'\xef\xbb\xbf{"v": 5}', 0)) == {"x": 5}


def test_the_value_of_another_part_is_not_taken() -> None:
    tags = cache(("part", "a", "part"), ("x", "a", "x"), ("y", "b", ""), trigger="part")
    tags.take("b", b"7", 0)
    tags.take("a", b'{"part": 1, "x": 20}', 0)
    assert tags.faults(["x", "y"], 0, tags.messages) == []
    tags.take("a", b'{"part": 2, "X": 30}', 0)
    assert tags.faults(["x", "y"], 0, tags.messages) == [
        "x: only the value of another part is there, on a"
    ]


def test_tags_sent_on_change_are_those_of_the_next_part_too() -> None:
    tags = cache(("part", "a", "part"), ("x", "a", "x"), stale_s=0, trigger="part")
    tags.take("a", b'{"part": 1, "x": 20}', 0)
    tags.take("a", b'{"part": 2}', 0)
    assert tags.faults(["x"], 0, tags.messages) == []


def test_a_message_of_very_many_keys_one_of_them_twice_takes_no_time() -> None:
    keys = [*(f'"k{at}": 1' for at in range(60_000)), '"k7": 2']
    plain = cache(("x", "a", "x"))
    plain.take("a", ("{" + ",".join(keys) + "}").encode(), 0)
    assert plain.faults(["x"], 0) == ["x: a payload that holds the key 'k7' twice on a"]
