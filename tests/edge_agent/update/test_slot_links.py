"""A link leads to a slot of its own folder, or to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.update.folder import Folder
from edge_agent.update.slot_links import CURRENT, linked_slot
from edge_agent.update.state_word import read_state, state_dir_of


@pytest.mark.parametrize(
    ("target", "slot"),
    [
        (f"slots/{'a' * 64}", "a" * 64),
        (f"../slots/{'a' * 64}", None),
        (f"/slots/{'a' * 64}", None),
        ("slots/a", None),
        ("", None),
    ],
)
def test_a_link_elsewhere_is_none(target: str, slot: str | None, tmp_path: Path) -> None:
    if target:
        (tmp_path / CURRENT).symlink_to(target)
    with Folder.open(tmp_path) as folder:
        assert linked_slot(folder, CURRENT) == slot


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ('[station]\nstate_dir = "/data/state"', "/data/state"),
        ('[station]\nstate_dir = "d"', "d"),
        ("[station]", "state"),
        ("station = 1", "state"),
        ("[station", "state"),
    ],
)
def test_the_state_is_where_station_toml_says(text: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / "station.toml").write_text(text)
    assert state_dir_of(tmp_path / "station.toml") == tmp_path / folder


def test_a_word_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    (tmp_path / "state.json").write_text('{"kind": "state"')
    assert read_state(tmp_path) is None
