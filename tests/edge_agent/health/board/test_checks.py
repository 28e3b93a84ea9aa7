"""All checks together on a whole board, on an empty one, and on the machine of the test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.health.board.board import Needs, number
from edge_agent.health.board.checks import check_board, this_board
from tests.board_trees import PI5, board, plant


def test_a_healthy_pi_has_neither_fault_nor_warning(tmp_path: Path) -> None:
    found = list(check_board(board(plant(tmp_path, PI5), Needs(runtimes=("numpy",)))))
    assert not [result for result in found if result.grade in ("FAIL", "WARN")]
    assert len(found) >= 9


def test_what_an_empty_tree_does_not_tell_is_not_known(tmp_path: Path) -> None:
    grades = {result.what: result.grade for result in check_board(board(tmp_path))}
    for what in ("power", "temperature", "memory", "page size", "real-time priority"):
        assert grades[what] == "UNKNOWN"


def test_every_fault_and_warning_has_a_cure(tmp_path: Path) -> None:
    needs = Needs(ports=(502,), device_nodes=("/dev/video0",), runtimes=("no-such-runtime",))
    found = list(check_board(board(tmp_path, needs, utc_ns=0)))
    bad = [result for result in found if result.grade in ("FAIL", "WARN")]
    assert len(bad) >= 5
    assert not [result for result in bad if not result.cure]


def test_this_machine_is_read_with_the_rights_of_a_named_user() -> None:
    own = this_board(Needs(), SystemClock())
    assert own.user.uid == os.geteuid()
    assert this_board(Needs(), SystemClock(), "root").user.uid == 0
    with pytest.raises(ConfigError, match="no user 'nobody-has-this-name'"):
        this_board(Needs(), SystemClock(), "nobody-has-this-name")


def test_numbers_of_the_kernel() -> None:
    assert (number("0x0b", 16), number("50005", 16), number("max")) == (11, 0x50005, None)
