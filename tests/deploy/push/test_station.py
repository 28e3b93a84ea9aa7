"""What a station says of itself, and a bundle that it cannot read is not sent to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.push.station import StationWord
from edge_agent.contracts.core.own_version import own_version
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.model.manifest import OLDEST_AGENT
from tests.signing_kit import Workshop, open_workshop

OWN = {"agent": own_version(), "program": own_version(), "formats": [1, 2, 3]}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop")


@pytest.mark.parametrize(
    ("given", "needs", "why"),
    [
        ({}, {}, ""),
        ({"formats": [1, 2, 3, 4]}, {}, ""),
        ({"formats": [1]}, {"format": 2}, "reads format 1"),
        ({"program": "0.1.0", "formats": [1]}, {}, "needs Lineside 0.6.0 or newer, the program"),
        ({"program": "0.1.0"}, {}, "the program there is 0.1.0"),
        ({"program": "", "formats": [1]}, {"format": 2}, "the program there is older"),
        ({"agent": "0.1.0"}, {}, "its agent is 0.1.0"),
        ({"formats": [1, 2, 3]}, {"format": 4, "oldest_agent": "7.0.0"}, "needs Lineside 7.0.0"),
    ],
)
def test_a_station_that_cannot_read_a_bundle_is_known(
    given: dict[str, object], needs: dict[str, object], why: str, workshop: Workshop
) -> None:
    own = read_bundle(workshop.signed()).manifest
    manifest = own.model_copy(update={"format": 2, "oldest_agent": OLDEST_AGENT, **needs})
    found = StationWord.model_validate({**OWN, **given}).cannot_read(manifest)
    assert (why in found) if why else not found


def test_a_later_agent_may_say_more() -> None:
    slots = [{"name": "caps", "version": "1.0.0", "heard": 3}]
    word = StationWord.model_validate({**OWN, "slots": slots, "more": {}})
    assert word.version_of("caps") == "1.0.0"
    assert word.version_of("lids") == ""
    assert json.loads(word.model_dump_json())["formats"] == [1, 2, 3]
