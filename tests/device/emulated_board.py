"""An arm64 board with UEFI in QEMU, whose card is a file; its power can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.brokers import free_port
from tests.rig.kernel import RigError
from tests.rig.light_barrier import LightBarrier

FIRMWARE = Path("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd")
SHIFT = 1
"""An instruction takes the board 2 ns of its own time: on a busy machine its clock goes slower, and
no time limit of systemd or of the agent is a matter of how busy the machine is."""

PROCESSOR = "max,pauth-impdef=on"
"""One with E0PD: for the others Debian's kernel changes its tables of pages at each system call,
which QEMU pays with a third of its time; and pointers are signed by what costs the host least."""

BARRIER_LINE = 1
"""Of the board's PL061, which its device tree has and its ACPI tables have not."""

HOST = "10.0.2.2"
"""Where a guest of QEMU's user network finds this machine (qemu.org, -netdev user)."""


class EmulatedBoard:
    """A board with `card` in it. ssh_port: where its SSH is reached on this machine.

    barrier: the light barrier at its pin BARRIER_LINE. stick: a file that is its second disk.
    """

    def __init__(self, card: Path, folder: Path, stick: Path | None = None) -> None:
        if shutil.which("qemu-system-aarch64") is None:
            raise RigError("no qemu-system-aarch64: apt install qemu-system-arm")
        if not FIRMWARE.exists():
            raise RigError("no UEFI firmware for arm64: apt install qemu-efi-aarch64")
        self.ssh_port = free_port()
        self.barrier = LightBarrier(folder, BARRIER_LINE)
        self._card = card
        self._stick = stick
        self._folder = folder
        self._boots = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What its serial line has said since it was switched on."""
        path = self._folder / f"serial{self._boots}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def processor_s(self) -> float:
        """Processor time of this machine that the board has taken since it was switched on."""
        if self._process is None:
            return 0.0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def switch_on(self) -> None:
        """Begin a boot."""
        self._boots += 1
        forward = f"user,id=n,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"
        words = [
            "qemu-system-aarch64", "-M", "virt,acpi=off", "-accel", "tcg,tb-size=512",
            "-cpu", PROCESSOR, "-icount", f"shift={SHIFT}", "-smp", "1", "-m", "1024",
            "-bios", str(FIRMWARE), "-display", "none", "-nodefaults",
            "-serial", f"file:{self._folder / f'serial{self._boots}.log'}",
            "-drive", f"if=none,id=card,format=raw,file={self._card},cache=writeback",
            "-device", "virtio-blk-pci,drive=card", "-netdev", forward,
            "-device", "virtio-net-pci,netdev=n,romfile=", "-device", "virtio-rng-pci",
            *self.barrier.words, *self._second_disk,
        ]  # fmt: skip
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL)

    @property
    def _second_disk(self) -> list[str]:
        if self._stick is None:
            return []
        drive = f"if=none,id=stick,format=raw,readonly=on,file={self._stick}"
        return ["-drive", drive, "-device", "virtio-blk-pci,drive=stick"]

    def cut_power(self) -> None:
        """What was not flushed to the card is lost with the board's memory."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def ssh_config(self, key: Path) -> Path:
        """How ssh reaches it as `station`; its host key is taken once, and must stay."""
        path = self._folder / "ssh_config"
        path.write_text(
            f"Host station\n  HostName 127.0.0.1\n  Port {self.ssh_port}\n  User line\n"
            f"  IdentityFile {key}\n  IdentitiesOnly yes\n  ConnectTimeout 60\n"
            f"  UserKnownHostsFile {self._folder / 'known'}\n"
            "  StrictHostKeyChecking accept-new\n"
        )
        return path

    def ask(self, ssh_config: Path, command: str, limit_s: float = 900) -> str:
        """What a command says there; it is tried again while SSH does not answer yet."""
        until = time.monotonic() + limit_s
        while True:
            words = ["ssh", "-F", str(ssh_config), "station", command]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode != 255 or time.monotonic() > until:
                return done.stdout + done.stderr
            time.sleep(1)
