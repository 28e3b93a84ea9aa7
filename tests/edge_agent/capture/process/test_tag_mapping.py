"""From the tags of a model to topics, and what station.toml may not say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.capture.process.mqtt_tags import MqttTagsTable
from edge_agent.capture.process.tag_cache import TagTopic
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.process.input import TabularInput
from edge_agent.station.config import read_config
from tests.station_kit import POWER_SPEC

STATION = """
[station]
id = "demo"
[mqtt]
host = "localhost"
[line]
join = "none"
[[channel]]
name = "mill"
kind = "tabular"
bundle = "mill.bundle"
[channel.source]
driver = "mqtt_tags"
period_s = 1
topic = "plant/mill"
"""


def mapped(spec: TabularInput, channel: str = "mill", **keys: object) -> list[TagTopic]:
    asked = {"driver": "mqtt_tags", "period_s": 1, **keys}
    table = MqttTagsTable.model_validate(asked)
    return table.fitted_to(spec, channel=channel, broker=None).tag


def model() -> TabularInput:
    assert isinstance(POWER_SPEC.input, TabularInput)
    return POWER_SPEC.input


def test_tags_that_are_not_listed_lie_on_the_common_topic() -> None:
    listed = [{"name": "torque [kNm]", "topic": "drive/torque"}]
    tags = mapped(model(), topic="plant/mill", part_tag="part", tag=listed)
    assert {tag.name: (tag.topic, tag.key) for tag in tags} == {
        "part": ("plant/mill", "part"),
        "torque [kNm]": ("drive/torque", ""),
        "speed [rpm]": ("plant/mill", "speed [rpm]"),
    }


def test_a_series_is_a_tag_where_it_is_listed_else_the_channel_hears_one_machine() -> None:
    spec = model().model_copy(update={"series": "mill"})
    listed = [{"name": "mill", "topic": "plant/mill", "key": "mill"}]
    several = mapped(spec, topic="plant/mill", tag=listed)
    one = mapped(spec, topic="plant/mill")
    assert [tag.name for tag in several] == ["mill", "torque [Nm]", "speed [rpm]"]
    assert [tag.name for tag in one] == ["torque [Nm]", "speed [rpm]"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["torque [Nm]"], r"takes the tag 'speed \[rpm\]'.*add it as \[\[channel.source.tag\]\]"),
        (["torque [K]", "speed [rpm]"], "'torque .K.' is in K, the model takes Nm"),
    ],
    ids=["absent", "unit"],
)
def test_a_tag_without_a_topic_is_named(names: list[str], words: str) -> None:
    listed = [{"name": name, "topic": f"t/{at}"} for at, name in enumerate(names)]
    with pytest.raises(ConfigError, match=words):
        mapped(model(), tag=listed)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("period_s = 1", "", "give either period_s or trigger_tag"),
        ("period_s = 1", 'period_s = 1\ntrigger_tag = "a"', "give either period_s or trigger_tag"),
        ('topic = "plant/mill"', 'part_tag = "p"', "'p' is not among the tags"),
        ('topic = "plant/mill"', 'topic = "plant/+"', "channel.0.tabular.source.topic: "),
        ("[mqtt]\nhost", "[outbox]\n[channel2]\nhost", "unknown key 'channel2'"),
        ('[mqtt]\nhost = "localhost"', "", "'mill' needs [mqtt], or [channel.source.broker]"),
        ('join = "none"', 'join = "part_id"', "'mill' (mqtt_tags) only counts"),
        ("topic =", "tpic =", "did you mean 'topic'?"),
    ],
    ids=["neither", "both", "part", "wildcard", "typo", "broker", "join", "key"],
)
def test_what_is_refused_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "station.toml"
    path.write_text(STATION.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    assert words in str(raised.value)


def test_two_tags_of_one_name_are_refused() -> None:
    twice = [{"name": "a", "topic": "t/1"}, {"name": "a", "topic": "t/2"}]
    with pytest.raises(ValueError, match="two tags are named 'a'"):
        mapped(model(), tag=twice)
