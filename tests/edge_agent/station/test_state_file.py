from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.wire.kinds.state import RuntimeInUse, StateMessage
from edge_agent.station.state_file import StateFile
from edge_agent.update.state_word import STATE_JSON, read_state


def message(reason: str) -> StateMessage:
    return StateMessage(station="a", at_ns=7, state="armed", reason=reason, bundles={"top": "x 1"})


def test_the_newest_state_lies_there(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state")
    file.publish(message("one"))
    file.publish(message("two"))
    text = (tmp_path / "state" / STATE_JSON).read_text()
    assert StateMessage.model_validate_json(text).reason == "two"
    assert text == message("two").model_dump_json(exclude={"runtimes"})


def test_a_launcher_of_an_earlier_version_finds_no_field_that_it_refuses(tmp_path: Path) -> None:
    runtimes = {"top": RuntimeInUse(name="litert", version="2.3.0")}
    StateFile(tmp_path).publish(message("").model_copy(update={"runtimes": runtimes}))
    assert "runtimes" not in (tmp_path / STATE_JSON).read_text()


def test_a_newer_agent_may_say_more_than_its_launcher_knows(tmp_path: Path) -> None:
    text = message("later").model_dump_json().replace('"kind"', '"colour":{"a":1},"kind"')
    (tmp_path / STATE_JSON).write_text(text)
    found = read_state(tmp_path)
    assert found is not None
    assert found.reason == "later"


def test_a_disk_that_takes_nothing_costs_the_file_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder is needed")
    StateFile(tmp_path / "state").publish(message(""))
    assert "the state is not written" in caplog.text
