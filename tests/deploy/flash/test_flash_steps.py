"""Plan, customising and flashing by their own contracts: what is refused before the first byte."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.flash.bmap import Extent
from deploy.flash.card import Card
from deploy.flash.customise import customiser
from deploy.flash.flash import Steps, flash
from deploy.flash.plan import Plan, Wanted, make_plan
from deploy.flash.write import Source
from edge_agent.contracts.core.errors import ConfigError, InputError, StorageError
from tests.deploy.flash.conftest import Attach
from tests.deploy.flash.memory_card import disk
from tests.deploy.flash.test_bmap import bmap
from tests.deploy.flash.test_flash import MIB, make_card, make_image

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def quiet(stage: str, done: int, total: int) -> None:
    """Nobody looks."""


def planned(folder: Path, attach: Attach, **wanted: object) -> tuple[Plan, Path]:
    make_image(folder / "os.img")
    card = make_card(folder / "card", 16 * MIB)
    asked = Wanted(folder / "os.img", attach(card), str(card), **wanted)  # type: ignore[arg-type]
    return make_plan(asked), card


def test_a_plan_holds_the_head_of_the_image_and_writes_nothing(
    tmp_path: Path, attach: Attach
) -> None:
    plan, card = planned(tmp_path, attach)
    assert plan.head == (tmp_path / "os.img").read_bytes()[:MIB]
    size = (tmp_path / "os.img").stat().st_size
    assert plan.source == Source(tmp_path / "os.img", size, (Extent(0, size),))
    assert card.read_bytes() == make_card(tmp_path / "same", 16 * MIB).read_bytes()


def test_a_block_map_of_another_image_is_refused(tmp_path: Path, attach: Attach) -> None:
    (tmp_path / "os.bmap").write_bytes(bmap(size=24_000))
    with pytest.raises(ConfigError, match="for an image of 24000 bytes, not 4096"):
        planned(tmp_path, attach, bmap=tmp_path / "os.bmap", image_bytes=4096)


def test_customising_an_image_without_a_boot_partition_is_refused_before_writing() -> None:
    plan = Plan(disk(8 * MIB), Source(Path("os.img"), MIB, ()), bytes(MIB), "")
    with pytest.raises(InputError, match="no FAT boot partition"):
        customiser(plan, "systemd", {})


def test_files_are_put_before_the_card_can_boot(tmp_path: Path, attach: Attach) -> None:
    plan, card = planned(tmp_path, attach)
    boots: list[bytes] = []

    def customise(open_card: Card) -> dict[str, str]:
        open_card.flush()
        boots.append(card.read_bytes()[510:512])
        return {"user-data": "aa"}

    receipt = flash(plan, Steps(customise=customise, now=lambda: NOW), quiet)
    assert boots == [b"\0\0"]
    content = (tmp_path / "os.img").read_bytes()
    assert card.read_bytes()[: len(content)] == content
    assert receipt["files"] == {"user-data": "aa"}
    assert receipt["image"]["sha256"] == hashlib.sha256(content).hexdigest()  # type: ignore[index]
    assert receipt["began"] == receipt["ended"] == "2026-01-02T03:04:05+00:00"


def test_a_card_whose_files_fail_does_not_boot(tmp_path: Path, attach: Attach) -> None:
    plan, card = planned(tmp_path, attach)

    def full(open_card: Card) -> dict[str, str]:
        raise StorageError("full")

    with pytest.raises(StorageError):
        flash(plan, Steps(customise=full, verify=False, probe=False), quiet)
    assert not any(card.read_bytes()[:MIB])
