from __future__ import annotations

import codecs
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import Strict, validate
from edge_agent.contracts.core.toml import MOST_BYTES, read_toml, read_toml_document, toml_text


class Lamp(Strict):
    driver: Literal["lamp"]
    power_w: float = Field(default=1.0, ge=0)


class Belt(Strict):
    driver: Literal["belt"]
    password: int = 0
    names: list[Literal["a", "b"]] = Field(default_factory=list)


class Line(Strict):
    name: str
    speed: int = Field(default=1, ge=1)
    lamp: Lamp | None = None
    part: list[Annotated[Lamp | Belt, Field(discriminator="driver")]] = Field(default_factory=list)
    options: dict[str, str | int] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\nsped = 3', "line.toml: unknown key 'sped', did you mean 'speed'?"),
        ('name = "x"\nzz = 3', "known are lamp, name, options, part, speed"),
        (
            'name = "x"\n[lamp]\ndriver = "lamp"\npower = 3',
            "lamp: unknown key 'power', did you mean 'power_w'?",
        ),
        (
            'name = "x"\n[[part]]\ndriver = "belt"\nnam = 3',
            "part.0.belt: unknown key 'nam', did you mean 'names'?",
        ),
        (
            'name = "x"\n[[part]]\ndriver = "bell"',
            "unknown driver 'bell', did you mean 'belt'?",
        ),
        ('name = "x"\n[[part]]\npower_w = 3', "part.0: needs driver"),
        ('name = "x"\n[part]\ndriver = "lamp"', "part: write it as [[part]], once for each"),
        ('name = "x"\nspeed = -1', "greater than or equal to 1 (found -1)"),
        ('name = "x"\nspeed = nan', "speed: "),
        ("speed = 2", "name: is missing"),
        ("name = ", "is not TOML"),
        ("name = '" + "x" * 900 + "'\nspeed = '" + "y" * 900 + "'", "yyy..."),
    ],
    ids=[
        "key", "far key", "nested key", "key of a union", "tag", "no tag", "list", "bound", "nan",
        "missing", "syntax", "long value",
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "line.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_toml(tmp_path / "line.toml", Line)
    assert message in str(caught.value)
    assert str(tmp_path / "line.toml") in str(caught.value)
    assert len(str(caught.value)) < 500


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(Line, {"speed": 0, "nam": 1}, "here", cure="see there")
    for word in ("here:", "name: is missing", "speed:", "unknown key 'nam'", "see there"):
        assert word in str(caught.value)


def test_a_missing_key_of_a_few_values_is_told_with_them() -> None:
    class Signal(Strict):
        colour: Literal["red", "green"]

    with pytest.raises(ConfigError, match="colour: is missing, one of 'red', 'green': correct it"):
        validate(Signal, {}, "here")


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        validate(Belt, {"driver": "belt", "password": "s3cret"}, "here")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "encoded",
    [
        codecs.BOM_UTF8 + 'name = "Grün"\r\n'.encode(),
        'name = "Grün"\r\n'.encode("utf-16"),
        codecs.BOM_UTF16_BE + 'name = "Grün"\r\n'.encode("utf-16-be"),
        'name = "Grün"\n'.encode("utf-32"),
        'name = "Grün"'.encode(),
    ],
    ids=["utf-8 with mark", "utf-16", "utf-16 big endian", "utf-32", "utf-8"],
)
def test_what_editors_save_is_read(tmp_path: Path, encoded: bytes) -> None:
    (tmp_path / "line.toml").write_bytes(encoded)
    assert read_toml(tmp_path / "line.toml", Line).name == "Grün"


def test_other_encodings_are_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "line.toml").write_bytes('name = "Grün"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"line\.toml: is not UTF-8 text .*: save it as UTF-8"):
        read_toml(tmp_path / "line.toml", Line)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: path.write_bytes(b"#" * (MOST_BYTES + 1)), "is larger than 1 MB"),
        (lambda path: path.write_text("a = " + "[" * 5000), "is not TOML"),
        (lambda path: path.write_bytes(b"\xff\xfea"), "is not UTF-8 text"),
    ],
    ids=["absent", "folder", "huge", "deep", "half a character"],
)
def test_what_is_no_toml_is_refused_by_name(tmp_path: Path, make, message: str) -> None:
    make(tmp_path / "line.toml")
    with pytest.raises(ConfigError, match=message):
        read_toml_document(tmp_path / "line.toml")


SCALARS = st.one_of(
    st.text(), st.integers(-(2**62), 2**62), st.booleans(), st.floats(allow_nan=False)
)


@pytest.mark.parametrize("form", ["{key} = 1\n", "[{key}]\n", "[[{key}]]\n"])
def test_a_key_of_very_many_steps_costs_nothing(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = 1\n" + form.format(key=".".join(["b"] * 20_000)))
    with pytest.raises(ConfigError, match="line 2: a key of more than 100 steps"):
        read_toml_document(path)
    path.write_text(f'a = "{"." * 5000}"\n')
    assert read_toml_document(path) == {"a": "." * 5000}


def test_a_very_long_key_is_shown_by_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("k" * 100_000 + " = 1\n")
    with pytest.raises(ConfigError, match="unknown key 'kkkk") as caught:
        read_toml(tmp_path / "a.toml", Line)
    assert len(str(caught.value)) < 1000


@given(
    st.recursive(
        st.dictionaries(st.text(), SCALARS | st.lists(SCALARS, max_size=3), max_size=4),
        lambda inner: st.dictionaries(st.text(), inner | SCALARS, max_size=3),
        max_leaves=6,
    )
)
def test_what_is_written_reads_back(document: dict[str, object]) -> None:
    written = tomllib.loads(toml_text(document))
    assert written == _without_empty(document)


def test_none_is_left_out_and_tables_in_lists_are_written() -> None:
    document = {"a": None, "b": [{"c": 1, "d": None}], "e": {"f": (1, 2)}}
    assert tomllib.loads(toml_text(document)) == {"b": [{"c": 1}], "e": {"f": [1, 2]}}


def _without_empty(table: dict[str, object]) -> dict[str, object]:
    return {
        key: _without_empty(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value != {}
    }
