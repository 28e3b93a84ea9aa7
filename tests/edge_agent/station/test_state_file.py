from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.station.state_file import STATE_JSON, StateFile


def message(reason: str) -> StateMessage:
    return StateMessage(station="a", at_ns=7, state="armed", reason=reason, bundles={"top": "x 1"})


def test_the_newest_state_lies_there(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state")
    file.publish(message("one"))
    file.publish(message("two"))
    text = (tmp_path / "state" / STATE_JSON).read_text()
    assert StateMessage.model_validate_json(text).reason == "two"
    assert text == message("two").model_dump_json()


def test_a_disk_that_takes_nothing_costs_the_file_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder is needed")
    StateFile(tmp_path / "state").publish(message(""))
    assert "the state is not written" in caplog.text
