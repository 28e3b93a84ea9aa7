"""Where the station's key lies, and whether this board can give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.health.board.board import Needs
from edge_agent.health.board.station_key import check_station_key
from tests.board_trees import board, plant

TPM, PROGRAM = {"dev/tpmrm0": ""}, {"usr/bin/tpm2": ""}
SEALED, FILE = {"keys/station.tpm": "x"}, {"keys/station.pem": "x"}


@pytest.mark.parametrize(
    ("tree", "keys", "grade", "says"),
    [
        ({}, {}, "OK", "none"),
        (TPM, {}, "OK", "none"),
        ({}, FILE, "OK", "in a file: who has the card has the key"),
        (TPM, FILE, "WARN", "in a file, on a board with a TPM 2.0"),
        (TPM | PROGRAM, SEALED, "OK", "sealed by a TPM"),
        (TPM | PROGRAM, SEALED | FILE, "WARN", "a file with a key is left"),
        (TPM, SEALED, "FAIL", "its programs are missing"),
        (PROGRAM, SEALED, "FAIL", "this board shows none"),
    ],
)
def test_kind_of_key(
    tmp_path: Path, tree: dict[str, str], keys: dict[str, str], grade: str, says: str
) -> None:
    needs = Needs(station_folder=plant(tmp_path / "station", keys))
    (result,) = check_station_key(board(plant(tmp_path / "board", tree), needs))
    assert (result.grade, says in result.detail) == (grade, True)
    assert bool(result.cure) == (grade != "OK")


def test_without_a_station_there_is_no_key_to_look_at(tmp_path: Path) -> None:
    assert list(check_station_key(board(tmp_path))) == []
