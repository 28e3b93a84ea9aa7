"""The partition table, as util-linux reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.flash.boot_partition import boot_offset
from deploy.image.layout import MIB, SECTOR, START, layout_for, partition_table


def test_util_linux_finds_the_three_partitions_where_they_are(tmp_path: Path) -> None:
    layout = layout_for(700 * MIB + 1, 0x1234ABCD)
    image = tmp_path / "a.img"
    image.write_bytes(partition_table(layout))
    with image.open("r+b") as stream:
        stream.truncate(layout.image_bytes)
    words = ["partx", "--raw", "--noheadings", "--bytes", "-o", "START,SIZE,TYPE,UUID", str(image)]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [line.split() for line in shown]
    spans = (layout.boot, layout.root, layout.state)
    assert [(int(one[0]) * SECTOR, int(one[1])) for one in found] == [
        (span.start, span.size) for span in spans
    ]
    assert [one[2] for one in found] == ["0xef", "0x83", "0x83"]
    assert [one[3] for one in found] == [layout.partition_uuid(n) for n in (1, 2, 3)]


def test_the_flasher_finds_the_boot_partition() -> None:
    head = partition_table(layout_for(MIB, 1)).ljust(MIB, b"\0")
    assert boot_offset(head) == START


def test_the_root_is_never_cut() -> None:
    assert layout_for(5 * MIB, 1).root.size >= 5 * MIB
