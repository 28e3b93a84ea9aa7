"""Cards that lie: one that holds less than it states, one that forgets, one that fails midway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.__main__ import main
from tests.deploy.flash.test_flash import MIB, make_image

LyingCard = Callable[..., tuple[str, Path]]


def flash(image: Path, device: str, tmp_path: Path) -> int:
    serial = str(tmp_path / "fuse" / "card")
    return main(["flash", str(image), device, "--serial", serial, "--yes"])


@pytest.mark.parametrize("holds", ["8", "32"])
def test_a_card_of_fake_capacity_is_refused_and_is_what_it_was(
    holds: str, tmp_path: Path, lying_card: LyingCard, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "os.img")
    device, memory = lying_card("--holds", holds)
    before = memory.read_bytes()
    assert flash(tmp_path / "os.img", device, tmp_path) == 4
    assert "states 64 MiB but loses what is written" in capsys.readouterr().err
    assert memory.read_bytes() == before


def test_a_bit_that_reads_wrong_is_noticed_and_the_card_does_not_boot(
    tmp_path: Path, lying_card: LyingCard, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "os.img")
    device, memory = lying_card("--flip", "3")
    assert flash(tmp_path / "os.img", device, tmp_path) == 1
    assert "does not give back what was written" in capsys.readouterr().err
    assert not any(memory.read_bytes()[:MIB])


def test_a_card_that_fails_midway_has_no_boot_signature(
    tmp_path: Path, lying_card: LyingCard, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "os.img", 48 * MIB)
    device, memory = lying_card("--refuse", "40", "44")
    assert flash(tmp_path / "os.img", device, tmp_path) == 1
    assert "cannot boot as it is" in capsys.readouterr().err
    assert not any(memory.read_bytes()[:MIB])
