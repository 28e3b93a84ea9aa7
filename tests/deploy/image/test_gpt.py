"""The table of two systems, as util-linux reads and checks it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from deploy.flash.boot_partition import boot_offset
from deploy.image.gpt import EFI_SYSTEM, LINUX
from deploy.image.layout import MIB, NAMES, SECTOR, START, layout_for, write_table
from deploy.image.system_files import system_file

SFDISK = "/usr/sbin/sfdisk"

needs_sfdisk = pytest.mark.skipif(
    not Path(SFDISK).is_file(), reason="NOT TESTED: no sfdisk here (apt install fdisk)"
)


@needs_sfdisk
def test_sfdisk_finds_four_partitions_where_they_are_and_no_fault(tmp_path: Path) -> None:
    image, layout = tmp_path / "a.img", layout_for(300 * MIB + 1, 0x1234ABCD, systems=2)
    write_table(image, layout)
    assert image.stat().st_size == layout.image_bytes
    words = [SFDISK, "--json", str(image)]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    table = json.loads(shown)["partitiontable"]
    assert (table["label"], table["id"].lower()) == ("gpt", layout.partition_uuid(0))
    found = table["partitions"]
    assert [(one["start"] * SECTOR, one["size"] * SECTOR) for one in found] == [
        (span.start, span.size) for span in layout.spans
    ]
    assert tuple(one["name"] for one in found) == NAMES
    kinds = [one["type"].lower() for one in found]
    assert kinds == [EFI_SYSTEM, LINUX, LINUX, LINUX]
    assert [one["uuid"].lower() for one in found] == [layout.partition_uuid(n) for n in range(1, 5)]
    words = [SFDISK, "--verify", str(image)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "No errors detected" in done.stdout
    assert done.stderr == ""


def test_both_systems_have_room_for_one_that_is_half_as_large_again() -> None:
    layout = layout_for(300 * MIB, 1, systems=2)
    assert layout.spare is not None
    assert layout.root.size == layout.spare.size == 452 * MIB
    assert layout.system.size == 300 * MIB


def test_the_flasher_finds_the_boot_partition(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    write_table(image, layout_for(MIB, 1, systems=2))
    with image.open("rb") as stream:
        assert boot_offset(stream.read(MIB)) == START


@needs_sfdisk
def test_the_state_takes_the_rest_of_a_larger_card(tmp_path: Path) -> None:
    """The lines of grow-state.sh that write the table, on a file."""
    image = tmp_path / "a.img"
    write_table(image, layout_for(4 * MIB, 1, systems=2))
    with image.open("r+b") as stream:
        stream.truncate(1 << 30)
    text = system_file("grow-state.sh")
    lines = text[text.index("# The copy of a GPT") : text.index("partx --update")]
    lines = lines.replace('"$disk"', f'"{image}"').replace("--no-reread --no-tell-kernel", "")
    words = ["sh", "-euc", f"number=4\n{lines}"]
    subprocess.run(words, check=True, capture_output=True, env={"PATH": "/usr/sbin:/usr/bin:/bin"})
    shown = subprocess.run([SFDISK, "--json", str(image)], capture_output=True, check=True).stdout
    state = json.loads(shown)["partitiontable"]["partitions"][3]
    end = (state["start"] + state["size"]) * SECTOR
    assert (1 << 30) - end < MIB
    done = subprocess.run(
        [SFDISK, "--verify", str(image)], capture_output=True, text=True, check=True
    )
    assert "No errors detected" in done.stdout
