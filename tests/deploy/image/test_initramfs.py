"""The initramfs, as cpio and a shell read it."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.image.initramfs import MODULES, write_initramfs
from deploy.image.layout import MIB, Layout, layout_for
from deploy.image.system_files import system_file
from edge_agent.contracts.core.errors import StorageError

KERNEL = "lib/modules/6.1.0-1-arm64"


def make_tree(root: Path) -> Path:
    """A kernel with every module of the table; ext4 needs two others, and ahci is built in."""
    for name in ("bin/busybox", "sbin/e2fsck.static", f"{KERNEL}/modules.dep"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    lines = [f"kernel/{name.replace('_', '-')}.ko:" for name in MODULES if name != "ahci"]
    lines += ["kernel/jbd2.ko: kernel/mbcache.ko.xz", "kernel/mbcache.ko.xz:"]
    lines[lines.index("kernel/ext4.ko:")] += " kernel/jbd2.ko kernel/mbcache.ko.xz"
    (root / KERNEL / "modules.dep").write_text("\n".join(lines) + "\n")
    (root / KERNEL / "modules.builtin").write_text("kernel/drivers/ahci.ko\n")
    for line in lines:
        path = root / KERNEL / line.partition(":")[0]
        path.parent.mkdir(exist_ok=True)
        content = path.name.encode()
        path.write_bytes(lzma.compress(content) if path.suffix == ".xz" else content)
    return root


def test_it_unpacks_to_what_boots_a_disk_with_every_need_loaded_first(tmp_path: Path) -> None:
    if shutil.which("cpio") is None:
        pytest.skip("NOT TESTED: cpio is not installed")
    packed, out = tmp_path / "initrd.img", tmp_path / "out"
    write_initramfs(make_tree(tmp_path / "root"), packed)
    out.mkdir()
    words = ["cpio", "--extract", "--quiet", "--no-absolute-filenames"]
    done = subprocess.run(words, input=gzip.decompress(packed.read_bytes()), cwd=out, check=True)
    assert done.returncode == 0
    order = (out / "modules/order").read_text().split()
    assert order.index("mbcache.ko") < order.index("jbd2.ko") < order.index("ext4.ko")
    assert (out / "modules/mbcache.ko").read_bytes() == b"mbcache.ko.xz", "unpacked"
    assert "ahci.ko" not in order
    assert all((out / "modules" / name).exists() for name in order)
    assert (out / "init").stat().st_mode & 0o777 == 0o755
    assert (out / "bin/e2fsck").read_text() == "sbin/e2fsck.static"


def test_two_of_the_same_tree_are_the_same_bytes(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "root")
    for name in ("a", "b"):
        write_initramfs(root, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_kernel_without_a_module_is_refused_by_its_name(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "root")
    (root / KERNEL / "modules.builtin").write_text("")
    with pytest.raises(StorageError, match="ahci: the kernel has no such module"):
        write_initramfs(root, tmp_path / "initrd.img")


def test_the_first_program_is_one_that_a_shell_can_read() -> None:
    words = ["sh", "-n", "-s"]
    done = subprocess.run(words, input=system_file("init.sh"), text=True, check=False)
    assert done.returncode == 0


ID = 0xA0000001
FIND = """
set -e
mount -t tmpfs tmpfs /sys/class/block
mkdir /sys/class/block/sda /sys/class/block/sdb {folder}/dev
for disk in sda sdb; do
    for number in 2 3 4; do
        mkdir -p "/sys/class/block/$disk/$disk$number" "/sys/class/block/$disk$number"
        echo "$number" | tee "/sys/class/block/$disk/$disk$number/partition" \\
            >"/sys/class/block/$disk$number/partition"
    done
done
(head -c {place} /dev/zero; printf '\\001\\000\\000\\240') >{folder}/dev/sda
cp {folder}/dev/{copied} {folder}/dev/sdb || true
mount --bind {folder}/dev /dev
give_up() {{ echo "$1"; exit; }}
uuid={uuid}
{found}
echo "$root $state"
"""


@pytest.mark.parametrize(
    ("copied", "said"),
    [("absent", "{root} {state}"), ("sda", "the disks sda sdb are copies of one card")],
)
@pytest.mark.parametrize(
    ("layout", "number", "state", "place"),
    [
        (layout_for(MIB, ID), 2, 3, 440),
        (layout_for(MIB, ID, systems=2), 2, 4, 568),
        (layout_for(MIB, ID, systems=2), 3, 4, 568),
    ],
    ids=["one system", "system A of two", "system B of two"],
)
def test_root_and_state_are_of_one_disk_and_a_copy_of_it_is_refused(
    layout: Layout, number: int, state: int, place: int, copied: str, said: str, tmp_path: Path
) -> None:
    if os.geteuid() != 0 or shutil.which("hexdump") is None:
        pytest.skip("NOT TESTED: needs root and hexdump (apt install bsdextrautils)")
    text = system_file("init.sh")
    functions = text[text.index("disks() {") : text.index("while read -r file")]
    search = text[text.index("id=${uuid") : text.index("mount -t ext4 -o ro")]
    script = FIND.format(
        folder=tmp_path,
        copied=copied,
        found=functions + search,
        place=place,
        uuid=layout.partition_uuid(number),
    )
    words = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    wanted = said.format(root=f"/dev/sda{number}", state=f"/dev/sda{state}")
    assert done.stdout.startswith(wanted), done.stderr
