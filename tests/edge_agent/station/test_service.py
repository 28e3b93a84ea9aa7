"""The service is stopped for the work, and runs again after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.systemd.unit import FOLLOW_NAME
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.station.service import FOLLOWER, stopped, stopped_with_follower


@pytest.fixture
def systemctl(tmp_path: Path) -> Callable[[], list[str]]:
    """What the program in the place of systemctl was asked for."""
    program = tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$1 $3" >>{tmp_path}/asked\n[ "$3" != odd ]\n')
    program.chmod(0o755)
    return lambda: (tmp_path / "asked").read_text().splitlines()


def test_it_is_stopped_and_started(systemctl: Callable[[], list[str]], tmp_path: Path) -> None:
    with stopped("agent", systemctl=str(tmp_path / "systemctl")):
        assert systemctl() == ["stop agent"]
    assert systemctl() == ["stop agent", "start agent"]
    with stopped("", systemctl="no-such-program"):
        pass


def test_after_an_error_it_runs_again(systemctl: Callable[[], list[str]], tmp_path: Path) -> None:
    program = str(tmp_path / "systemctl")
    with stopped("a", starts=False, systemctl=program):
        pass
    with pytest.raises(KeyError), stopped("b", starts=False, systemctl=program):
        raise KeyError
    assert systemctl() == ["stop a", "stop b", "start b"]


def test_the_follower_is_stopped_too_where_it_runs(
    systemctl: Callable[[], list[str]], tmp_path: Path
) -> None:
    with stopped_with_follower("agent", systemctl=str(tmp_path / "systemctl")):
        assert systemctl()[1:] == [f"stop {FOLLOWER}", "stop agent"]
    assert systemctl()[3:] == ["start agent", f"start {FOLLOWER}"]
    assert FOLLOWER == FOLLOW_NAME, "the unit that is written is the one that is stopped"


def test_a_service_that_does_not_obey_is_told(
    systemctl: Callable[[], list[str]], tmp_path: Path
) -> None:
    with (
        pytest.raises(DeviceError, match="odd: the service does not stop"),
        stopped("odd", systemctl=str(tmp_path / "systemctl")),
    ):
        pytest.fail("it still runs")
