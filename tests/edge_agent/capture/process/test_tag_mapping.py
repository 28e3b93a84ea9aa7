"""Where each tag of a model comes from."""

from __future__ import annotations

import pytest

from edge_agent.capture.process.tag_cache import TagTopic
from edge_agent.capture.process.tag_mapping import map_tags
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.process.input import Feature, TabularInput, Tag

SPEC = TabularInput(
    tags=[Tag(name="temp", low=0, high=90), Tag(name="speed", low=0, high=9)],
    features=[Feature(of="temp", edges=[0, 90]), Feature(of="speed", edges=[0, 9])],
)
TEMP = TagTopic(name="temp", topic="plc/1", key="t")


def test_a_tag_that_is_not_listed_lies_on_the_common_topic() -> None:
    mapped = {one.name: one for one in map_tags([TEMP], "line", ["part"], SPEC, "mill")}
    assert mapped["temp"] == TEMP
    assert (mapped["speed"].topic, mapped["speed"].key) == ("line", "speed")
    assert mapped["part"].topic == "line"


def test_a_tag_that_comes_from_nowhere_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        map_tags([TEMP], "", [], SPEC, "mill")
    assert "channel mill" in str(caught.value)
    assert "'speed'" in str(caught.value)
    assert "[[channel.source.tag]]" in str(caught.value)
