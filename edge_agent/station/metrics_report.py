"""What this computer has left, as the metrics message: read from proc(5) and sysfs."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.wire.kinds.metrics import MetricsMessage
from edge_agent.health.board.heat import temperature_c
from edge_agent.health.board.memory import rss_mb


class MetricsReport:
    """Measures from one call to the next. disk: a folder on the disk that is watched."""

    def __init__(self, station: str, disk: Path, clock: Clock) -> None:
        self._station = station
        self._disk = disk
        self._clock = clock
        self._started_ns = self._last_ns = clock.mono_ns()
        self._cpu_s = time.process_time()

    def take(self, *, waiting: int, confirmed: int) -> MetricsMessage:
        """The message of this moment. waiting, confirmed: of the outbox."""
        now_ns, cpu_s = self._clock.mono_ns(), time.process_time()
        elapsed_s = max(1e-3, (now_ns - self._last_ns) / 1e9)
        percent = 100 * (cpu_s - self._cpu_s) / elapsed_s
        self._last_ns, self._cpu_s = now_ns, cpu_s
        temp_c = temperature_c()
        return MetricsMessage(
            station=self._station,
            at_ns=self._clock.utc_ns(),
            uptime_s=round((now_ns - self._started_ns) / 1e9, 1),
            cpu_percent=round(percent, 1),
            rss_mb=round(rss_mb(), 1),
            threads=threading.active_count(),
            descriptors=len(os.listdir("/proc/self/fd")),
            disk_free_mb=round(self._free_mb(), 1),
            load_1min=round(os.getloadavg()[0], 2),
            temp_c=None if temp_c is None else round(temp_c, 1),
            outbox_waiting=waiting,
            confirmed=confirmed,
        )

    def _free_mb(self) -> float:
        folder = self._disk
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free / (1 << 20)
