"""The room in FAT file systems that other programs made, and what they say of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.flash.fat import Room, read_room, refuse_too_much
from edge_agent.contracts.core.errors import InputError, StorageError

MIB = 1 << 20
AT = 4 * MIB
KINDS = {"12": 8, "16": 32, "32": 72}
"""FAT kind -> MiB of its file system."""


@pytest.fixture(params=KINDS)
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An image with a FAT at 4 MiB that holds a file."""
    if shutil.which("mkfs.vfat") is None or shutil.which("mcopy") is None:
        pytest.skip("NOT TESTED: mkfs.vfat or mtools missing (Debian: dosfstools mtools)")
    path = tmp_path / "os.img"
    with path.open("wb") as stream:
        stream.truncate(AT + KINDS[request.param] * MIB)
    make = ["mkfs.vfat", "-F", request.param, "--offset", str(AT // 512), str(path)]
    subprocess.run([*make, str(KINDS[request.param] * 1024)], check=True, capture_output=True)
    put(path, "kernel.img", 300_001)
    return path


def put(image: Path, name: str, size: int) -> int:
    command = ["mcopy", "-o", "-i", f"{image}@@{AT}", "-", f"::/{name}"]
    done = subprocess.run(command, input=bytes(size), capture_output=True, check=False)
    return done.returncode


def test_the_room_is_what_mtools_says(image: Path) -> None:
    shown = subprocess.run(
        ["mdir", "-i", f"{image}@@{AT}", "::"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"([\d ]+) bytes free", shown)
    assert found is not None
    room = read_room(image, AT)
    assert room.clusters * room.cluster_bytes == int(found[1].replace(" ", ""))


def test_a_compressed_image_has_the_same_room(image: Path) -> None:
    if shutil.which("gzip") is None:
        pytest.skip("NOT TESTED: no gzip here")
    room = read_room(image, AT)
    subprocess.run(["gzip", "-1", str(image)], check=True)
    assert read_room(image.with_name("os.img.gz"), AT) == room


def test_files_that_have_no_room_are_refused_with_both_sizes() -> None:
    room = Room(clusters=4, cluster_bytes=MIB)
    refuse_too_much(room, {"lineside/wheels/a.whl": bytes(MIB)}, "os.img")
    two = {"lineside/wheels/a.whl": bytes(MIB), "lineside/wheels/b.whl": bytes(1)}
    with pytest.raises(StorageError, match=r"has 4\.0 MiB free, .* need 5\.0 MiB"):
        refuse_too_much(room, two, "os.img")


def test_what_is_no_fat_is_named(tmp_path: Path) -> None:
    (tmp_path / "os.img").write_bytes(bytes(5 * MIB))
    with pytest.raises(InputError, match="its boot partition is no FAT file system"):
        read_room(tmp_path / "os.img", AT)
