"""Debian's stock kernel for a guest, with its test drivers; kept in a cache folder.

Packages come by `apt-get download`; modules that Debian does not build (gpio-sim, IIO dummy,
v4l2loopback) are built from Debian's own sources. Nothing is installed.
"""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from deploy.image.initramfs import FILE, FOLDER, PROGRAM, Entry, archive

STOCK = (
    "virtio_pci", "9pnet_virtio", "9p", "vivid", "i2c-dev", "i2c-stub", "snd-aloop", "dummy_hcd",
    "usb_f_acm", "g_serial", "cdc-acm", "kfifo_buf", "industrialio-triggered-buffer", "configfs",
    "usb_f_mass_storage", "sd_mod", "usb-storage",
)  # fmt: skip
SOURCES = (
    "drivers/iio/dummy/*", "drivers/iio/industrialio-sw-*.c", "drivers/iio/industrialio-configfs.c",
    "drivers/iio/trigger/iio-trig-hrtimer.c", "drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h",
    "kernel/irq/irq_sim.c",
)  # fmt: skip
KBUILD = """\
ccflags-y := -DCONFIG_IIO_SIMPLE_DUMMY_BUFFER=1
obj-m := industrialio-sw-device.o industrialio-sw-trigger.o industrialio-configfs.o
obj-m += iio-trig-hrtimer.o iio_dummy.o gpio-sim.o v4l2loopback.o
gpio-sim-y := gpio_sim_main.o irq_sim.o
iio_dummy-y := iio_simple_dummy.o iio_simple_dummy_buffer.o
"""
BUILT = (
    "industrialio-configfs", "industrialio-sw-device", "industrialio-sw-trigger",
    "iio-trig-hrtimer", "iio_dummy", "gpio-sim", "v4l2loopback",
)  # fmt: skip
"""In the order in which they are loaded."""
TOOLS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "apt-get": "apt",
    "make": "make",
    "gcc": "gcc",
    "modprobe": "kmod",
}
XZ, ELF = b"\xfd7zXZ\x00", b"\x7fELF"


@dataclass(frozen=True)
class Rig:
    """What QEMU starts: an unpacked kernel and an initramfs."""

    kernel: Path
    initrd: Path
    version: str


class RigError(Exception):
    """Why there is no rig here, with what to install."""


def cache_folder() -> Path:
    """Where the rig is kept: LINESIDE_RIG, or ~/.cache/lineside-rig."""
    return Path(os.environ.get("LINESIDE_RIG", Path.home() / ".cache" / "lineside-rig"))


def build_rig(init: Path, *, room: Path | None = None) -> Rig:
    """The rig with this init script; builds what the cache does not hold. Raises RigError."""
    for tool, package in TOOLS.items():
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise RigError(f"no {tool}: apt install {package}")
    version = _depends("linux-image-amd64", "linux-image-").removeprefix("linux-image-")
    room = (room or cache_folder()) / version
    if not _is_whole(room / "modules.order"):
        _prepare(room, version)
    initrd = room / "initrd"
    write_initrd(initrd, room, init)
    return Rig(room / "vmlinux", initrd, version)


def _is_whole(order: Path) -> bool:
    """Whether every module that is asked for was collected."""
    lines = order.read_text().splitlines() if order.exists() else []
    return [line.split()[0] for line in lines] == [*STOCK, *BUILT]


def _prepare(room: Path, version: str) -> None:
    root = room / "root"
    shutil.rmtree(room, ignore_errors=True)
    root.mkdir(parents=True)
    headers = f"linux-headers-{version}"
    needed = [f"linux-image-{version}", headers, "linux-source-6.1", "busybox-static"]
    needed += [_depends(headers, "linux-headers-"), _depends(headers, "linux-kbuild-")]
    needed += ["v4l2loopback-dkms"]
    run_tool(["apt-get", "download", *needed], room, "packages cannot be downloaded")
    for package in sorted(room.glob("*.deb")):
        run_tool(["dpkg-deb", "-x", str(package), str(root)], room, "a package cannot be unpacked")
        package.unlink()
    _unpack_kernel(root / "boot" / f"vmlinuz-{version}", room / "vmlinux")
    _build_modules(room, version)
    _collect_own_modules(room, version)
    for big in ("usr/src", "usr/share", "lib/modules"):
        shutil.rmtree(root / big, ignore_errors=True)


def _depends(package: str, prefix: str) -> str:
    """The package with that prefix that `package` depends on."""
    words = ["apt-cache", "depends", package]
    listed = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    for line in listed:
        name = line.partition("Depends: ")[2].strip()
        if name.startswith(prefix):
            return name
    raise RigError(f"apt knows no {package}: apt-get update, on Debian 12 for amd64")


def _unpack_kernel(packed: Path, out: Path) -> None:
    """The ELF file inside a vmlinuz: QEMU starts it without the seconds of unpacking."""
    data = packed.read_bytes()
    at = data.find(XZ)
    while at >= 0:
        try:
            kernel = lzma.LZMADecompressor().decompress(data[at:])
        except lzma.LZMAError:
            kernel = b""
        if kernel.startswith(ELF):
            out.write_bytes(kernel)
            return
        at = data.find(XZ, at + 1)
    raise RigError(f"{packed.name} is not packed with xz")


def _build_modules(room: Path, version: str) -> None:
    source = room / "root" / "usr" / "src"
    build = room / "build"
    build.mkdir()
    packed = source / "linux-source-6.1.tar.xz"
    words = ["tar", "-C", str(build), "--strip-components=1", "--wildcards", "-xJf", str(packed)]
    run_tool([*words, *(f"*/{name}" for name in SOURCES)], room, "the source cannot be unpacked")
    loop = next(source.glob("v4l2loopback-*"))
    for found in [*build.rglob("*.[ch]"), *loop.glob("*.[ch]")]:
        shutil.copy(found, build / found.name) if found.parent != build else None
    irq = build / "irq_sim.c"
    # irq_to_desc is not exported to modules; generic_handle_irq does both steps.
    old = "handle_simple_irq(irq_to_desc(irqnum))"
    irq.write_text(irq.read_text().replace(old, "generic_handle_irq(irqnum)"))
    (build / "gpio-sim.c").rename(build / "gpio_sim_main.c")  # a module of two objects
    (build / "Kbuild").write_text(KBUILD)
    headers = source / f"linux-headers-{version}"
    makefile = headers / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src", str(source)))
    words = ["make", "-s", "-C", str(headers), f"M={build}", "modules"]
    run_tool(words, room, "the modules cannot be built")


def _collect_own_modules(room: Path, version: str) -> None:
    """modules/: those of the stock kernel and those that were built."""
    root = room / "root"
    for name in BUILT:
        shutil.copy(room / "build" / f"{name}.ko", root / "lib/modules" / version)
    collect_modules(root, version, (*STOCK, *BUILT), room, strip=True)


def collect_modules(
    root: Path, version: str, names: Iterable[str], room: Path, *, strip: bool
) -> None:
    """room/modules: what the guest loads; room/modules.order: a line each, dependencies first."""
    target = room / "modules"
    target.mkdir(exist_ok=True)
    run_tool(["depmod", "-b", str(root), version], room, "depmod failed")
    lines = []
    for name in names:
        words = ["modprobe", "-S", version, "-d", str(root), "--show-depends", name]
        shown = subprocess.run(
            words, capture_output=True, text=True, check=False, env=_with_sbin()
        ).stdout
        paths = [Path(line.split()[1]) for line in shown.splitlines() if line.startswith("insmod")]
        for path in paths:
            if strip:
                words = ["strip", "-g", "-o", str(target / path.name), str(path)]
                run_tool(words, room, "strip failed")
            else:
                shutil.copy(path, target)
        lines.append(" ".join([name, *(path.name for path in paths)]))
    (room / "modules.order").write_text("\n".join(lines) + "\n")


def write_initrd(out: Path, room: Path, init: Path) -> None:
    """An initramfs of busybox, the modules and the init script."""
    busybox = next((room / "root").rglob("bin/busybox"))
    entries = [
        *(Entry(name, FOLDER) for name in ("bin", "m", "proc", "sys", "dev", "host", "run")),
        Entry("bin/busybox", PROGRAM, busybox.read_bytes()),
        Entry("init", PROGRAM, init.read_bytes()),
        Entry("m/order", FILE, (room / "modules.order").read_bytes()),
        *(
            Entry(f"m/{path.name}", FILE, path.read_bytes())
            for path in sorted((room / "modules").glob("*.ko"))
        ),
    ]
    with gzip.open(out, "wb", 1) as stream:
        stream.writelines(archive(entries))


def _with_sbin() -> dict[str, str]:
    return os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def run_tool(words: list[str], room: Path, what: str) -> None:
    """Run a tool in `room`; raises RigError with the end of what it said."""
    ended = subprocess.run(
        words, cwd=room, capture_output=True, text=True, check=False, env=_with_sbin()
    )
    if ended.returncode:
        raise RigError(f"{what}: {' '.join((ended.stdout + ended.stderr).split())[-300:]}")
