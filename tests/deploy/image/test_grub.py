"""GRUB's own interpreter runs grub.cfg from a boot partition, and its file says what it chose."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.image.grub import FOLDER, grub_files
from deploy.image.layout import MIB, Layout, layout_for
from tests.deploy.image.grub_board import GrubBoard


@pytest.fixture
def board(tmp_path: Path) -> GrubBoard:
    return GrubBoard(tmp_path)


@pytest.fixture
def layout() -> Layout:
    return layout_for(40 * MIB, 0x1234ABCD, systems=2)


def test_grub_can_read_its_configuration_and_its_environment(
    layout: Layout, tmp_path: Path
) -> None:
    if shutil.which("grub-script-check") is None:
        pytest.skip("NOT TESTED: no grub-script-check (apt install grub-common)")
    for name, content in grub_files(layout).items():
        (tmp_path / Path(name).name).write_bytes(content)
    subprocess.run(["grub-script-check", tmp_path / "grub.cfg"], check=True)
    words = ["grub-editenv", tmp_path / "grubenv", "list"]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == ["ORDER=A B", "A_OK=1", "A_TRY=0", "B_OK=0", "B_TRY=0"]


def test_each_system_is_started_from_the_partition_of_its_own_disk(layout: Layout) -> None:
    text = grub_files(layout)[f"{FOLDER}/grub.cfg"].decode()
    assert text.startswith('set uuid_a="1234abcd-0000-8000-8000-000000000002"\n')
    assert 'set uuid_b="1234abcd-0000-8000-8000-000000000003"\n' in text


def test_a_new_system_has_three_tries_and_then_the_old_one_comes_back(board: GrubBoard) -> None:
    board.set(ORDER="B A", B_OK="1", B_TRY="0")
    assert [board.start() for _ in range(5)] == ["B", "B", "B", "A", "A"]
    found = board.read()
    assert (found["B_TRY"], found["A_TRY"], found["ORDER"]) == ("3", "2", "B A")


def test_a_system_that_is_marked_good_gets_its_tries_back(board: GrubBoard) -> None:
    for _ in range(4):
        assert board.start() == "A"
        board.set(A_TRY="0")


def test_a_system_that_rauc_has_not_written_whole_is_never_started(board: GrubBoard) -> None:
    board.set(ORDER="B A", A_TRY="3", B_OK="0")
    assert board.start() == ""
    assert board.start() == "A"


def test_a_board_whose_tries_are_all_used_up_goes_on_trying(board: GrubBoard) -> None:
    board.set(ORDER="B A", A_TRY="3", B_OK="1", B_TRY="3")
    assert board.start() == ""
    assert board.start() == "B"


def test_a_board_with_a_damaged_environment_starts_all_the_same(board: GrubBoard) -> None:
    board.write(b"")
    assert board.start() == "A"
