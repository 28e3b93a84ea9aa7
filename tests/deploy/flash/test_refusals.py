"""Disks that are never written: the file behind each is the same before and after."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.flash.card import open_card
from deploy.flash.disk import inspect_disk
from deploy.flash.refusal import refuse_unfit
from edge_agent.contracts.core.errors import ConfigError, DeviceError
from tests.deploy.flash.conftest import Attach
from tests.deploy.flash.test_flash import MIB, make_card, make_image


def flash(image: Path, device: str, *words: str) -> int:
    return main(["flash", str(image), device, "--yes", *words])


@pytest.mark.parametrize(
    ("options", "serial", "message"),
    [
        (("--read-only",), "own", "read-only"),
        (("--sizelimit", "8M"), "own", "the image needs 13 MiB"),
        ((), "", "not removable"),
        ((), "another", "its serial is"),
    ],
    ids=["read-only", "too small", "not removable", "another serial"],
)
def test_unfit_disk_is_refused_in_words(
    options: tuple[str, ...],
    serial: str,
    message: str,
    tmp_path: Path,
    attach: Attach,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_image(tmp_path / "os.img")
    card = make_card(tmp_path / "card")
    before = card.read_bytes()
    words = {"": [], "own": ["--serial", str(card)], "another": ["--serial", "0xBAD"]}[serial]
    assert flash(tmp_path / "os.img", attach(card, *options), *words) == 4
    assert message in capsys.readouterr().err
    assert card.read_bytes() == before


def test_a_read_only_disk_is_noticed_though_it_opens(tmp_path: Path, attach: Attach) -> None:
    card = make_card(tmp_path / "card")
    disk = replace(inspect_disk(attach(card, "--read-only")), read_only=False)
    with pytest.raises(DeviceError, match="read-only"), open_card(disk):
        pass


def test_a_mounted_disk_is_refused(
    tmp_path: Path, attach: Attach, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "os.img")
    card = tmp_path / "card"
    card.write_bytes(bytes(32 * MIB))
    device = attach(card)
    subprocess.run(["mkfs.ext4", "-q", device], check=True)
    place = tmp_path / "a folder"
    place.mkdir()
    done = subprocess.run(["mount", "-o", "ro", device, str(place)], check=False)
    if done.returncode:
        pytest.skip("NOT TESTED: nothing can be mounted here")
    try:
        before = card.read_bytes()
        assert flash(tmp_path / "os.img", device, "--serial", str(card)) == 4
        assert f"mounted at {place}" in capsys.readouterr().err
        unseen = replace(inspect_disk(device), uses=())
        with pytest.raises(DeviceError, match="in use by another program"), open_card(unseen):
            pass
        assert card.read_bytes() == before
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_the_disk_this_machine_runs_from_is_refused_whatever_is_named() -> None:
    root = next(
        line.split()
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if line.split()[4] == "/"
    )
    source = root[root.index("-") + 2]
    if not source.startswith("/dev/"):
        pytest.skip(f"NOT TESTED: / is on {source} here, no disk")
    try:
        disk = inspect_disk(source)
    except ConfigError as error:
        disk = inspect_disk(error.cure.rpartition(" ")[2])
    with pytest.raises(DeviceError, match="this machine runs from it"):
        refuse_unfit(disk, 0, disk.serial)


@pytest.mark.parametrize("name", ["size_bytes", "serial", "sequence", "number", "model"])
def test_a_disk_that_changed_since_the_plan_is_refused(
    name: str, tmp_path: Path, attach: Attach
) -> None:
    card = make_card(tmp_path / "card")
    found = inspect_disk(attach(card))
    planned = replace(found, **{name: 7 if name in ("size_bytes", "sequence") else "7:7"})
    before = card.read_bytes()
    with pytest.raises(DeviceError, match="another disk"), open_card(planned):
        pass
    assert card.read_bytes() == before


@pytest.mark.parametrize("what", ["file", "folder", "absent", "character device"])
def test_what_is_no_disk_is_refused(what: str, tmp_path: Path) -> None:
    make_image(tmp_path / "os.img")
    (tmp_path / "file").write_bytes(b"keep me")
    paths = {"file": tmp_path / "file", "folder": tmp_path, "character device": Path("/dev/null")}
    path = paths.get(what, tmp_path / "absent")
    assert flash(tmp_path / "os.img", str(path), "--serial", "x") == (4 if what == "absent" else 2)
    assert (tmp_path / "file").read_bytes() == b"keep me"


def test_users_of_a_disk_are_found_through_everything_built_on_it(tmp_path: Path) -> None:
    """A partition in RAID, LVM over it, mounted; and swap. The trees are the kernel's."""
    node = next((path for path in Path("/dev").glob("loop[0-9]*") if path.is_block_device()), None)
    if node is None:
        pytest.skip("NOT TESTED: no block device here at all")
    number = f"7:{node.name.removeprefix('loop')}"
    sysfs, proc = tmp_path / "sys", tmp_path / "proc"
    disk = sysfs / "devices" / "sdz"
    tree = {
        "devices/sdz/dev": number,
        "devices/sdz/size": "65536",
        "devices/sdz/removable": "1",
        "devices/sdz/sdz1/partition": "1",
        "devices/sdz/sdz1/dev": "8:241",
        "devices/md0/dev": "9:0",
        "devices/dm-0/dev": "253:0",
    }
    for name, text in tree.items():
        (sysfs / name).parent.mkdir(parents=True, exist_ok=True)
        (sysfs / name).write_text(text)
    for name, at in (("md0", "sdz/sdz1"), ("dm-0", "md0")):
        (sysfs / "devices" / at / "holders" / name).mkdir(parents=True)
        (sysfs / "class/block").mkdir(parents=True, exist_ok=True)
        (sysfs / "class/block" / name).symlink_to(sysfs / "devices" / name)
    (sysfs / "dev/block").mkdir(parents=True)
    (sysfs / "dev/block" / number).symlink_to(disk)
    (proc / "self").mkdir(parents=True)
    (proc / "self/mountinfo").write_text("36 1 253:0 / / rw shared:1 - ext4 /dev/mapper/x rw\n")
    (proc / "swaps").write_text(f"Filename Type Size\n{node} partition 9\n")
    found = inspect_disk(str(node), sysfs, proc)
    assert found.system
    assert found.uses == ("mounted at /", "part of md0 (RAID, LVM or LUKS)", "swap space")
