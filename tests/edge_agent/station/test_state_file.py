from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.wire.kinds.state import RuntimeInUse, StateMessage
from edge_agent.station.state_file import StateFile
from edge_agent.update.state_word import STATE_JSON, other_agent, read_state


def message(reason: str) -> StateMessage:
    return StateMessage(station="a", at_ns=7, state="armed", reason=reason, bundles={"top": "x 1"})


def test_the_newest_state_lies_there(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state", "7.1.0")
    file.publish(message("one"))
    file.publish(message("two"))
    text = (tmp_path / "state" / STATE_JSON).read_text()
    assert StateMessage.model_validate_json(text).reason == "two"
    assert text == message("two").model_dump_json(exclude={"runtimes"})


def test_the_agent_that_has_the_state_is_known(tmp_path: Path) -> None:
    assert other_agent(tmp_path, "7.2.0") == "", "no agent said which it is"
    StateFile(tmp_path, "7.1.0").publish(message(""))
    assert other_agent(tmp_path, "7.2.0") == "agent 7.1.0 runs, 7.2.0 was asked for"
    assert other_agent(tmp_path, "7.1.0") == other_agent(tmp_path, "") == ""


def test_a_launcher_of_an_earlier_version_finds_no_field_that_it_refuses(tmp_path: Path) -> None:
    runtimes = {"top": RuntimeInUse(name="litert", version="2.3.0")}
    StateFile(tmp_path, "7.1.0").publish(message("").model_copy(update={"runtimes": runtimes}))
    assert "runtimes" not in (tmp_path / STATE_JSON).read_text()


def test_a_newer_agent_may_say_more_than_its_launcher_knows(tmp_path: Path) -> None:
    text = message("later").model_dump_json().replace('"kind"', '"colour":{"a":1},"kind"')
    (tmp_path / STATE_JSON).write_text(text)
    found = read_state(tmp_path)
    assert found is not None
    assert found.reason == "later"


def test_the_state_is_written_where_the_agent_cannot_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "running.json" / "in the way").mkdir(parents=True)
    StateFile(tmp_path, "7.1.0").publish(message("armed all the same"))
    found = read_state(tmp_path)
    assert found is not None
    assert found.reason == "armed all the same"
    assert "running.json is not written" in caplog.text


def test_a_disk_that_takes_nothing_costs_the_file_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder is needed")
    StateFile(tmp_path / "state", "7.1.0").publish(message(""))
    assert "state.json is not written" in caplog.text
