"""The appliance's initramfs: busybox, e2fsck, modules of the disks it may boot from, one script."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.image.system_files import system_file
from edge_agent.contracts.core.errors import StorageError

MODULES = (
    "crc32c_generic", "ext4", "overlay", "virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi",
    "sd_mod", "ahci", "nvme", "xhci_pci", "xhci_plat_hcd", "ehci_pci", "usb_storage", "uas",
    "sdhci_pci", "sdhci_acpi", "mmc_block",
)  # fmt: skip
"""In the order in which they are loaded; nothing asks for crc32c by name, and ext4 needs it."""

FOLDERS = ("bin", "dev", "modules", "proc", "root", "sys")
FOLDER, PROGRAM, FILE = 0o040755, 0o100755, 0o100644


@dataclass(frozen=True)
class Entry:
    """One file or folder of an archive."""

    name: str
    mode: int
    content: bytes = b""


def write_initramfs(root: Path, out: Path) -> None:
    """Write the initramfs of the Debian tree `root`; raises StorageError."""
    modules = dict(_modules(root))
    order = "".join(f"{name}\n" for name in modules)
    entries = [
        *(Entry(name, FOLDER) for name in FOLDERS),
        Entry("bin/busybox", PROGRAM, (root / "bin/busybox").read_bytes()),
        Entry("bin/e2fsck", PROGRAM, (root / "sbin/e2fsck.static").read_bytes()),
        Entry("init", PROGRAM, system_file("init.sh").encode()),
        Entry("modules/order", FILE, order.encode()),
        *(Entry(f"modules/{name}", FILE, content) for name, content in modules.items()),
    ]
    with out.open("wb") as stream, gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:
        packed.writelines(archive(entries))


def archive(entries: Iterable[Entry]) -> Iterator[bytes]:
    """A cpio archive, format newc (kernel.org, initramfs buffer format)."""
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], 1):
        name = entry.name.encode() + b"\0"
        size = len(entry.content)
        fields = (number, entry.mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
        yield head + bytes(-len(head) % 4)
        yield entry.content + bytes(-size % 4)


def _modules(root: Path) -> Iterator[tuple[str, bytes]]:
    """File name and content of every module, those it depends on first (modules.dep(5))."""
    (folder,) = (root / "lib/modules").iterdir()
    needs = {
        _name(file): [file, *others.split()]
        for file, _, others in (
            line.partition(":") for line in (folder / "modules.dep").read_text().splitlines()
        )
    }
    builtin = {_name(line) for line in (folder / "modules.builtin").read_text().splitlines()}
    for module in MODULES:
        if module in builtin:
            continue
        if module not in needs:
            cure = "take a suite whose kernel has it"
            raise StorageError("the kernel has no such module", where=module, cure=cure)
        for file in reversed(needs[module]):
            yield _module(folder / file)


def _name(file: str) -> str:
    """As the kernel names the module of a file."""
    return Path(file).name.partition(".")[0].replace("-", "_")


def _module(path: Path) -> tuple[str, bytes]:
    """Unpacked: busybox loads no packed ones."""
    if path.suffix == ".xz":
        return path.stem, lzma.decompress(path.read_bytes())
    return path.name, path.read_bytes()
