"""An arm64 board in QEMU: Debian's stock kernel, and a light barrier that this side drives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.rig.in_arm import LINE
from tests.rig.kernel import RigError, cache_folder, collect_modules, run_tool, write_initrd
from tests.rig.light_barrier import LightBarrier

HERE = Path(__file__).parent
REPO = HERE.parents[1]
TOOLS = {
    "qemu-system-aarch64": "qemu-system-arm",
    "mmdebstrap": "mmdebstrap",
    "depmod": "kmod",
}
PACKAGES = "python3,libstdc++6,busybox-static,linux-image-arm64"
WHEELS = ("numpy", "pydantic", "gpiod")
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")
MODULES = ("virtio_pci", "virtio_mmio", "9pnet_virtio", "9p")


def build_board() -> Path:
    """The folder with root/, kernel and initrd; builds what is missing. Raises RigError."""
    for tool, package in TOOLS.items():
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise RigError(f"no {tool}: apt install {package}")
    if os.geteuid() != 0:
        raise RigError("a root file system is made by root only")
    room = cache_folder() / "arm64"
    if not (room / "kernel").exists():
        _prepare(room)
    for name in ("dev", "proc", "sys", "tmp"):
        (room / "root" / name).mkdir(exist_ok=True)
    repo = room / "root" / "repo"
    shutil.rmtree(repo, ignore_errors=True)
    shutil.copytree(REPO / "edge_agent", repo / "edge_agent")
    shutil.copy(HERE / "in_arm.py", repo)
    write_initrd(room / "initrd", room, HERE / "init_arm.sh")
    return room


def _prepare(room: Path) -> None:
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    root = room / "root"
    words = ["mmdebstrap", "--mode=root", "--variant=extract", "--architectures=arm64"]
    run_tool([*words, f"--include={PACKAGES}", "bookworm", str(root)], room, "mmdebstrap failed")
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    target = ["--python-version", "3.11", "--only-binary=:all:", "--target", str(root / "site")]
    pins = ["-c", str(REPO / "constraints.txt")]
    words = [sys.executable, "-m", "pip", "install", "-q", *platforms, *target, *WHEELS, *pins]
    run_tool(words, room, "aarch64 wheels cannot be installed")
    kernel = next((root / "boot").glob("vmlinuz-*"))
    version = kernel.name.removeprefix("vmlinuz-")
    collect_modules(root, version, MODULES, room, strip=False)
    shutil.copy(kernel, room / "kernel")


class Board:
    """A running board; `log` is what its serial line said. barrier: the one at its pin."""

    def __init__(self, room: Path, sockets: Path) -> None:
        self._log = sockets / "serial.log"
        self.barrier = LightBarrier(sockets, LINE)
        command = "console=ttyAMA0 quiet nokaslr panic=-1 cryptomgr.notests random.trust_cpu=1"
        words = [
            "qemu-system-aarch64", "-M", "virt", "-accel", "tcg,tb-size=512", "-cpu", "cortex-a53",
            "-smp", "1", "-m", "768", "-display", "none", "-no-reboot", "-nodefaults",
            "-serial", f"file:{self._log}", *self.barrier.words,
            "-kernel", str(room / "kernel"), "-initrd", str(room / "initrd"), "-append", command,
            "-fsdev", f"local,id=h,path={room / 'root'},security_model=none,readonly=on",
            "-device", "virtio-9p-pci,fsdev=h,mount_tag=host",
        ]  # fmt: skip
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL)

    @property
    def log(self) -> str:
        """Everything that the board has written so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def wait_for(self, word: str, limit_s: float) -> bool:
        """Whether the board writes `word` in time."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until and self._process.poll() is None:
            if word in self.log:
                return True
            time.sleep(0.2)
        return word in self.log

    def end(self) -> None:
        """Switch it off."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
