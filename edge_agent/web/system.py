"""The machine below the station: disk, temperature, clock, messages, log."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.own_version import own_version
from edge_agent.health.board.heat import THERMAL, temperature_c
from edge_agent.health.board.memory import rss_mb
from edge_agent.health.board.wall_clock import clock_synchronised
from edge_agent.web.api_models import SystemView
from edge_agent.web.log_tail import LogTail


@dataclass(frozen=True)
class Traffic:
    """Messages that wait on disk, and that were confirmed; broker: its address, or empty."""

    waiting: int = 0
    confirmed: int = 0
    broker: str = ""


class Machine:
    """Reads the machine when it is asked."""

    def __init__(
        self,
        state_dir: Path,
        *,
        clock: Clock,
        log: LogTail,
        traffic: Callable[[], Traffic] = Traffic,
        thermal: Path = THERMAL,
    ) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._log = log
        self._traffic = traffic
        self._thermal = thermal

    def view(self) -> SystemView:
        """Everything of the screen System."""
        disk = shutil.disk_usage(_existing(self._state_dir))
        traffic = self._traffic()
        return SystemView(
            version=own_version(),
            disk_free_mb=disk.free / (1 << 20),
            disk_total_mb=disk.total / (1 << 20),
            temperature_c=temperature_c(self._thermal),
            utc=datetime.fromtimestamp(self._clock.utc_ns() / 1e9, UTC).isoformat("T", "seconds"),
            clock_synchronised=clock_synchronised(),
            outbox_waiting=traffic.waiting,
            confirmed=traffic.confirmed,
            broker=traffic.broker,
            rss_mb=rss_mb(),
            log=self._log.lines(),
        )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
