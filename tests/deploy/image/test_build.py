"""An image is put together from trees; what cannot be one is refused before anything is built."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.flash.bmap import read_bmap
from deploy.flash.boot_partition import BootPartition
from deploy.flash.os_list import find_entry
from deploy.image import grub
from deploy.image.build import LOADER, assemble, write_papers
from deploy.image.layout import MIB
from deploy.image.tree import split_state


def test_an_assembled_image_has_loader_kernel_root_and_papers(tmp_path: Path) -> None:
    if shutil.which("mcopy") is None:
        pytest.skip("NOT TESTED: mtools is not installed")
    root = tmp_path / "tree"
    for name in (LOADER, "boot/vmlinuz", "boot/initrd.img", "etc/os-release", "var/log/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name in ("home", "root"):
        (root / name).mkdir()
    image = tmp_path / "a.img"
    state = split_state(root, tmp_path / "state")
    layout = assemble(image, root, state, 0x1234ABCD)
    boot = BootPartition(str(image), layout.boot.start)
    entry = boot.read("loader/entries/lineside.conf").decode()
    assert f"root=PARTUUID={layout.partition_uuid(2)} ro" in entry
    assert boot.read("vmlinuz") == b"boot/vmlinuz"
    assert boot.read("EFI/BOOT/BOOTAA64.EFI") == LOADER.encode()
    probe = ["blkid", "-p", "-o", "value", "-s", "LABEL", "-O", str(layout.state.start), image]
    label = subprocess.run(probe, capture_output=True, text=True, check=True).stdout
    assert label == "state\n"
    papers = write_papers(image, image, "bookworm")
    found = find_entry(papers.os_list, image)
    assert (found.init_format, found.extract_sha256) == ("lineside", papers.sha256)
    assert read_bmap(papers.bmap).image_bytes == image.stat().st_size


def test_of_two_systems_the_boot_partition_has_grub_and_the_root_its_kernel(
    tmp_path: Path,
) -> None:
    if shutil.which("mcopy") is None:
        pytest.skip("NOT TESTED: mtools is not installed")
    root, image = tmp_path / "tree", tmp_path / "a.img"
    for name in (grub.LOADER, "boot/vmlinuz", "boot/initrd.img", "var/log/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name in ("home", "root"):
        (root / name).mkdir()
    layout = assemble(image, root, split_state(root, tmp_path / "state"), 0x1234ABCD, systems=2)
    boot = BootPartition(str(image), layout.boot.start)
    assert boot.read("EFI/BOOT/BOOTAA64.EFI") == grub.LOADER.encode()
    assert b"load_env" in boot.read("EFI/debian/grub.cfg")
    words = ["/usr/sbin/debugfs", "-R", "cat /boot/vmlinuz", f"{image}?offset={layout.root.start}"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert said == "boot/vmlinuz"
    words = ["blkid", "-p", "-o", "value", "-s", "LABEL", "-O", str(layout.state.start), str(image)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "state\n"
    assert layout.spare is not None
    with image.open("rb") as stream:
        stream.seek(layout.spare.start)
        assert not any(stream.read(MIB)), "RAUC writes the other one"


@pytest.mark.parametrize(
    ("out", "message"),
    [("a.iso", "no image can be written there"), ("absent/a.img", "in a folder that exists")],
)
def test_a_place_that_cannot_hold_an_image_is_refused(
    out: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pip-1-py3-none-any.whl", "lineside-1-py3-none-any.whl"):
        (tmp_path / name).touch()
    assert main(["image", str(tmp_path / out), "--wheels", str(tmp_path), "--dry-run"]) == 2
    assert message in capsys.readouterr().err


def test_a_mirror_with_a_password_is_refused_and_the_password_is_not_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pip-1-py3-none-any.whl", "lineside-1-py3-none-any.whl"):
        (tmp_path / name).touch()
    words = ["image", str(tmp_path / "a.img"), "--wheels", str(tmp_path), "--dry-run"]
    address = "https://ann:hidden@mirror.plant/debian"
    for mirror in (address, f"deb {address} bookworm main", "http://ann:hidden@[bad/debian"):
        assert main([*words, "--mirror", mirror]) == 2
        said = capsys.readouterr().err
        assert "--mirror: has a user or a password" in said
        assert "hidden" not in said


def test_a_dry_run_names_everything_that_is_in_the_way_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for version in (1, 2):
        (tmp_path / f"numpy-{version}-py3-none-any.whl").touch()
    assert main(["image", str(tmp_path / "a.iso"), "--wheels", str(tmp_path), "--dry-run"]) == 2
    said = capsys.readouterr().err
    for fault in (
        "numpy-1-py3-none-any.whl and numpy-2-py3-none-any.whl are wheels of one project",
        "needs the wheels of lineside and of pip",
        "name a file that ends in .img",
    ):
        assert fault in said


def test_wheels_without_the_agent_are_refused_with_the_command_that_fetches_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["image", str(tmp_path / "a.img"), "--wheels", str(tmp_path)]) == 2
    assert "pip download --only-binary" in capsys.readouterr().err
    assert json.dumps(list(tmp_path.iterdir())) == "[]"
