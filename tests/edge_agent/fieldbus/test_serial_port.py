"""A serial line by a pseudo-terminal of the kernel."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.serial_port import open_port


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The far end, and the path of the near one."""
    far, near = os.openpty()
    yield far, os.ttyname(near)
    os.close(far)
    os.close(near)


def test_what_came_before_is_not_read(terminal: tuple[int, str]) -> None:
    far, path = terminal
    os.write(far, b"old\n")
    with open_port(path, 9600, cure="plug it in") as line:
        os.write(far, b"new\n")
        assert select.select([line], [], [], 5)[0]
        assert line.read(100) == b"new\n"


def test_the_line_is_ours_alone(terminal: tuple[int, str]) -> None:
    _, path = terminal
    with open_port(path, 9600, cure="plug it in"):
        with pytest.raises(DeviceError, match="cannot be opened") as raised:
            open_port(path, 9600, cure="end the other program")
        assert (raised.value.where, raised.value.cure) == (path, "end the other program")


def test_an_absent_line_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "ttyUSB9")
    with pytest.raises(DeviceError, match="cannot be opened") as raised:
        open_port(path, 9600, cure="plug it in")
    assert raised.value.where == path
