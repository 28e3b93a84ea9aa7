from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.wire.mosquitto_conf import lint_conf

SAFE = "persistence true\nautosave_interval 1\nmax_queued_messages 0\n"


def grades(path: Path, text: str) -> dict[str, str]:
    file = path / "mosquitto.conf"
    file.write_text(text)
    return {found.what.removeprefix("mosquitto.conf "): found.grade for found in lint_conf(file)}


def test_a_broker_as_it_is_installed_loses_messages(tmp_path: Path) -> None:
    found = grades(tmp_path, "listener 1883\n")
    assert found == {
        "persistence": "WARN",
        "autosave_interval": "WARN",
        "max_queued_messages": "WARN",
        "queue_qos0_messages": "OK",
    }


def test_a_broker_that_keeps_everything_is_fine(tmp_path: Path) -> None:
    assert set(grades(tmp_path, SAFE).values()) == {"OK"}


def test_comments_blank_lines_and_keys_without_value_are_no_settings(tmp_path: Path) -> None:
    text = f"# persistence false\n\nallow_anonymous\n{SAFE}"
    assert grades(tmp_path, text)["persistence"] == "OK"


def test_a_number_that_is_none_is_not_safe(tmp_path: Path) -> None:
    assert grades(tmp_path, "autosave_interval soon\n")["autosave_interval"] == "WARN"


def test_each_warning_names_the_line_to_write(tmp_path: Path) -> None:
    file = tmp_path / "mosquitto.conf"
    file.write_text("")
    cures = {found.cure for found in lint_conf(file) if found.grade == "WARN"}
    assert cures == {"persistence true", "autosave_interval 1", "max_queued_messages 0"}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent: cannot be read"):
        lint_conf(tmp_path / "absent")
