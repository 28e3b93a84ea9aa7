"""Boards as their kernels show them: relative path -> text, to be planted below a root.

Forms: proc(5); the kernel's "Generic Thermal Sysfs", "SD and MMC Block Device Attributes" and
"Control Group v2"; drivers/firmware/raspberrypi.c (get_throttled is hexadecimal without 0x).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.health.board.board import Board, Needs, User

NOW_NS = 1_795_000_000 * 10**9
"""November 2026."""
LINESIDE = User("lineside", 990, frozenset({990, 44}))
NOTHING = Needs()
SOC = "sys/devices/platform/soc"
ZONE = "sys/class/thermal/thermal_zone0"
CARD = "sys/block/mmcblk0/device"
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max nice priority         0                    0
Max realtime priority     0                    0
Max realtime timeout      unlimited            unlimited            us
"""
MEMINFO = """MemTotal:        8245152 kB
MemFree:         5120000 kB
MemAvailable:    6912345 kB
SwapTotal:        524272 kB
HugePages_Total:       0
"""
MOUNTS = """22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
24 22 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
30 22 179:1 / /boot/firmware rw,relatime shared:30 - vfat /dev/mmcblk0p1 rw,errors=remount-ro
"""
SMAPS = """5555d0000000-5555d0004000 r-xp 00000000 b3:02 1234   /usr/bin/python3.11
Size:                 16 kB
KernelPageSize:       16 kB
MMUPageSize:          16 kB
"""
TCP = """  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000   990        0 20431 1 0
   1: 0100007F:C350 0100007F:1F91 01 00000000:00000000 00:00000000 00000000   990        0 20999 1 0
"""
GROUPS = "root:x:0:\ndialout:x:20:\nvideo:x:44:lineside\ngpio:x:986:pi\n"

PI5: Mapping[str, str] = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/meminfo": MEMINFO,
    "proc/self/cgroup": "0::/user.slice/user-1000.slice\n",
    "proc/self/limits": LIMITS,
    "proc/self/mountinfo": MOUNTS,
    "proc/self/smaps": SMAPS,
    "proc/net/tcp": TCP.split("\n")[0] + "\n",
    "proc/sys/net/ipv4/ip_unprivileged_port_start": "1024\n",
    f"{SOC}@107c000000/soc@107c000000:firmware/get_throttled": "0\n",
    f"{ZONE}/temp": "52350\n",
    f"{ZONE}/trip_point_0_type": "critical\n",
    f"{ZONE}/trip_point_0_temp": "110000\n",
    f"{CARD}/type": "SD\n",
    f"{CARD}/name": "SD64G\n",
    "sys/class/rtc/rtc0/name": "rpi-rtc soc@107c000000:rpi_rtc\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "etc/group": GROUPS,
}
"""A Raspberry Pi 5 with an SD card on which all is well."""


def plant(root: Path, *trees: Mapping[str, str], without: str = "no such prefix") -> Path:
    """Write the trees below `root`, the later over the earlier; give `root`."""
    for tree in trees:
        for name, text in tree.items():
            if not name.startswith(without):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
    return root


def board(
    root: Path,
    needs: Needs = NOTHING,
    *,
    user: User = LINESIDE,
    utc_ns: int = NOW_NS,
    synchronised: bool | None = True,
) -> Board:
    """The board below `root`."""
    return Board(root, ManualClock(utc_ns), user, needs, synchronised)
