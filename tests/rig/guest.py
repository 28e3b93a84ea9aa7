"""One boot of the guest: QEMU without KVM, the host's files read-only, the script's results."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.kernel import Rig

HERE = Path(__file__).parent
COMMAND = (
    "console=ttyS0 quiet nokaslr panic=-1 mitigations=off tsc=reliable lpj=4000000 "
    "no_timer_check rcupdate.rcu_expedited=1 random.trust_cpu=1 cryptomgr.notests"
)


@dataclass(frozen=True)
class GuestRun:
    """results: name of a check -> what it gave; log: everything that the guest wrote; cpu_s:
    processor time of the whole boot.
    """

    results: dict[str, object] = field(default_factory=dict)
    log: str = ""
    cpu_s: float = 0.0


def run_guest(rig: Rig, checks: str = "all", limit_s: float = 600) -> GuestRun:
    """Boot, run tests/rig/in_guest.py, switch off. checks: names of some, with commas."""
    script = f"python={sys.executable} script={HERE / 'in_guest.py'} checks={checks}"
    words = [
        "qemu-system-x86_64", "-M", "q35,usb=off,graphics=off", "-accel", "tcg,tb-size=512",
        "-cpu", "max", "-smp", "1", "-m", "1024", "-display", "none", "-no-reboot", "-nodefaults",
        "-serial", "stdio", "-kernel", str(rig.kernel), "-initrd", str(rig.initrd),
        "-append", f"{COMMAND} {script}",
        "-fsdev", "local,id=h,path=/,security_model=none,readonly=on,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=h,mount_tag=host",
    ]  # fmt: skip
    before_s = children_s()
    try:
        ended = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, check=False
        )
        out = ended.stdout + ended.stderr
    except subprocess.TimeoutExpired as error:
        out = (error.stdout or b"") + b"\nGUEST took too long"
    log = out.decode("utf-8", "replace")
    return GuestRun(dict(_results(log)), log, children_s() - before_s)


def children_s() -> float:
    """Processor time of the processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _results(log: str) -> list[tuple[str, object]]:
    lines = [line[line.index("RESULT ") :] for line in log.splitlines() if "RESULT " in line]
    found = [line.split(" ", 2) for line in lines]
    return [(words[1], json.loads(words[2])) for words in found if len(words) == 3]
