"""A form asks for what a driver's table takes, in both languages, within its bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import pytest
from pydantic import Field

from edge_agent.settings.toml import Table
from edge_agent.station.setup_forms import PARTS, driver_forms, form_fields
from edge_agent.web.commission import FormField, Forms


class Inner(Table):
    """An inner table."""

    level: Literal["low", "high"] = Field(default="low", description="how high")


class Example(Table):
    """Every kind of setting."""

    driver: Literal["example"]
    line: int | str = Field(description="number or name")
    rate_hz: float = Field(gt=0, le=50, description="how often")
    count: int = Field(default=3, ge=1, description="how many")
    is_low: bool = Field(default=False, description="whether")
    note: str | None = Field(default=None, max_length=9, description="a word")
    region: tuple[float, float, float, float] = Field(default=(0, 0, 1, 1), description="where")
    words: list[str] = Field(default=[], description="several")
    sides: list[Literal["left", "right"]] = Field(default=["left"], description="which")
    inner: Inner | None = Field(default=None, description="more")
    by_name: dict[str, int] = Field(default={}, description="no form can ask for it")


@pytest.fixture(scope="module")
def forms() -> Forms:
    return driver_forms()


def every(fields: Sequence[FormField]) -> Iterator[FormField]:
    for field in fields:
        yield field
        yield from every(field.fields)


def test_every_kind_of_setting_has_its_control() -> None:
    fields = form_fields(Example.model_json_schema())
    assert {field.name: field.kind for field in fields} == {
        "line": "word", "rate_hz": "number", "count": "integer", "is_low": "flag", "note": "text",
        "region": "region", "words": "words", "sides": "choices", "inner": "table",
    }  # fmt: skip
    assert [field.name for field in fields if field.required] == ["line", "rate_hz"]
    by_name = {field.name: field for field in fields}
    rate, count, inner = by_name["rate_hz"], by_name["count"], by_name["inner"]
    assert (rate.unit, rate.least, rate.most, rate.is_beyond) == ("Hz", 0, 50, True)
    assert (count.unit, count.least, count.most, count.is_beyond) == ("", 1, None, False)
    assert (by_name["note"].longest, by_name["sides"].choices) == (9, ["left", "right"])
    assert [(one.name, one.choices, one.default) for one in inner.fields] == [
        ("level", ["low", "high"], "low")
    ]


def test_every_driver_has_a_form_or_says_why_not(forms: Forms) -> None:
    for part, registry in PARTS.items():
        shown = getattr(forms, part)
        assert [form.driver for form in shown] == list(registry.names())
        for form in shown:
            known = set() if form.fault else set(registry.find(form.driver).config.model_fields)
            # The free table of a V4L2 camera stays as the file has it.
            assert {field.name for field in form.fields} == known - {"driver", "controls"}


def test_every_setting_is_explained_in_both_languages(forms: Forms) -> None:
    shown = [form for part in PARTS for form in getattr(forms, part)]
    helps = {field.help for form in shown for field in every(form.fields)}
    assert helps == set(forms.in_chinese), "edge_agent/web/help/zh.json has other texts"
    assert all(any(letter >= "\u4e00" for letter in text) for text in forms.in_chinese.values()
               if not text.startswith("rtsp"))  # fmt: skip
