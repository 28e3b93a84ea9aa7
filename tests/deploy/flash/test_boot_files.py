"""The wheels of a board, and an image that needs none because the agent is in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploy.flash.board import read_board
from deploy.flash.boot_files import (
    PIP_OPTIONS,
    Contents,
    hook_files,
    station_files,
    wheel_files,
)
from edge_agent.contracts.core.errors import ConfigError
from tests.deploy.flash.stations import make_board

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("missing", ["pip", "lineside"])
def test_a_folder_without_pip_or_the_agent_is_refused(missing: str, tmp_path: Path) -> None:
    for name in {"pip", "lineside", "numpy"} - {missing}:
        (tmp_path / f"{name}-1.0-py3-none-any.whl").touch()
    with pytest.raises(ConfigError, match="needs the wheels of lineside and of pip"):
        wheel_files(tmp_path)
    (tmp_path / f"{missing}-1.0-py3-none-any.whl").touch()
    assert len(wheel_files(tmp_path)) == 3 + 1, "and the name of the set"


def test_the_command_that_fetches_wheels_is_that_of_the_pages(tmp_path: Path) -> None:
    """The agent's wheel by its path: its name is on no index, and could be a stranger's there."""
    path = '"$(ls dist/lineside-*.whl)[device'
    with pytest.raises(ConfigError) as caught:
        wheel_files(tmp_path)
    assert f"-d {tmp_path} pip {path}" in caught.value.cure
    for page in ("flash.md", "releases.md"):
        text = " ".join((DOCS / page).read_text().replace("\\\n", " ").split())
        assert f"pip download {PIP_OPTIONS} -d wheels pip {path}" in text, page


def test_two_wheels_of_one_project_are_named(tmp_path: Path) -> None:
    for name in ("lineside-1.0", "pip-24.0", "pip-25.1"):
        (tmp_path / f"{name}-py3-none-any.whl").touch()
    words = r"pip-24.0-py3-none-any.whl and pip-25.1-py3-none-any.whl are wheels of one project"
    with pytest.raises(ConfigError, match=words):
        wheel_files(tmp_path)


def test_an_appliance_takes_a_bundle_without_wheels_and_no_other_image_does(tmp_path: Path) -> None:
    for name in ("caps-1.0.0.bundle", "root.json"):
        (tmp_path / name).write_text(name)
    contents = Contents(
        make_board(tmp_path),
        tmp_path,
        tmp_path / "station.toml",
        trust=tmp_path / "root.json",
        bundles=(tmp_path / "caps-1.0.0.bundle",),
    )
    with pytest.raises(ConfigError, match="a bundle alone cannot be installed"):
        station_files(contents)
    files = station_files(replace(contents, agent_in_image=True))
    assert files["lineside/bundles/caps-1.0.0.bundle"] == tmp_path / "caps-1.0.0.bundle"
    assert not any("wheels" in name for name in files)


def test_a_follower_is_given_the_ca_that_the_card_brings(tmp_path: Path) -> None:
    make_board(tmp_path)
    path, ca = tmp_path / "board.toml", "/var/lib/lineside/tls/ca.pem"
    text = path.read_text()
    path.write_text(f'follow = "https://releases.plant/"\nfollow_ca = "{ca}"\n{text}')
    files = station_files(Contents(read_board(path), tmp_path, tmp_path / "station.toml"))
    unit = files["lineside/lineside-follow.service"]
    assert f" --from https://releases.plant/ --ca {ca}\n".encode() in unit  # type: ignore[operator]
    path.write_text(f'follow_ca = "{ca}"\n{text}')
    with pytest.raises(ConfigError, match=r"follow_ca: .* needs `follow`, and a line in \[files\]"):
        read_board(path)


def test_an_appliance_starts_the_script_by_its_own_unit() -> None:
    assert hook_files("lineside", "press3", b"") == {}


def test_a_folder_of_wheels_that_is_missing_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none: no such folder: check the path of --wheels"):
        wheel_files(tmp_path / "none")
