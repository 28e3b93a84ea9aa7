"""A light barrier on an emulated arm64 board: every part that passes is one event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.rig.arm import Board, build_board
from tests.rig.guest import children_s
from tests.rig.kernel import RigError

PARTS, MOST_CPU_S = 20, 30.0


@pytest.mark.device
@pytest.mark.timeout(900)
def test_every_part_at_the_barrier_is_an_event(tmp_path: Path) -> None:
    try:
        room = build_board()
    except RigError as error:
        pytest.skip(f"no arm64 board: {error}")
    before_s = children_s()
    board = Board(room, tmp_path)
    try:
        assert board.wait_for("READY", 300), board.log[-2000:]
        board.barrier.pulses(PARTS)
        assert board.wait_for("RESULT barrier", 120), board.log[-2000:]
        line = next(one for one in board.log.splitlines() if "RESULT barrier" in one)
    finally:
        board.end()
    assert children_s() - before_s <= MOST_CPU_S
    assert "aarch64" in board.log
    assert json.loads(line.partition("barrier ")[2]) == list(range(PARTS))
