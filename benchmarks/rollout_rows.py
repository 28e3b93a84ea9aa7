"""Rollouts over simulated stations: real folders and updates, told how a release behaves."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Row, say
from deploy.rollout.controller import Controller
from deploy.rollout.inventory import cut_groups
from deploy.rollout.journal import Rollout, StationProgress, read_rollout, write_rollout
from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.update.bundle_update import Station, candidate_of, opened
from edge_agent.update.journal import Journal
from edge_agent.update.slots import install, status
from tests.signing_kit import open_workshop

GROUPS = "1,10,50,100%"
MANY = 10_000


@dataclass(frozen=True)
class Plant:
    """Station folders below `folder`; watch says how a release behaves after the switch."""

    folder: Path
    names: list[str]
    release: Path
    watch: Callable[[Journal], bool]
    at_once: int = 4

    def open(self) -> None:
        """The folders are here."""

    def close(self) -> None:
        """The folders are here."""

    def version(self, name: str) -> str:
        """What a station has now."""
        return status(self.folder / name)[0].version

    def go_back(self, name: str, had: str) -> str:
        """A station that failed has returned by itself."""
        del name, had
        return ""

    def update(self, name: str) -> str:
        """What a station does with the release; why it went back, or nothing."""
        station = Station(
            self.folder / name,
            _holds,
            SystemClock(),
            shadow=_proven,
            promotion=_proven,
            probation=self.watch,
            source=self.release,
        )
        with opened(station) as machine:
            machine.begin(candidate_of(self.release))
            journal = machine.run()
        well = journal is not None and journal.state == "done"
        return "" if well else getattr(journal, "reason", "") or "no end"

    def versions(self) -> list[str]:
        """What each station has now."""
        return [self.version(name) for name in self.names]

    def touched(self) -> int:
        """Stations that were handed the release."""
        return sum((self.folder / name / "update").is_dir() for name in self.names)


class Paper:
    """Stations that answer at once."""

    at_once = 16

    def open(self) -> None:
        """Nothing is there."""

    def close(self) -> None:
        """Nothing is there."""

    def update(self, name: str) -> str:
        """Done."""
        del name
        return ""

    def version(self, name: str) -> str:
        """Of a folder that is not there."""
        del name
        return ""

    def go_back(self, name: str, had: str) -> str:
        """Done."""
        del had
        return self.update(name)


def rollout_rows(folder: Path, *, quick: bool) -> list[Row]:
    """A bad release, then a good one, over 200 stations (20); the controller's cost for 10,000."""
    count = 20 if quick else 200
    workshop = open_workshop(folder / "workshop")
    install(workshop.signed("1.0.0"), folder / "seed", _holds, trust=workshop.public)
    names = [f"s{k:03d}" for k in range(count)]
    for name in names:
        shutil.copytree(folder / "seed", folder / name, symlinks=True)
    bad = Plant(folder, names, workshop.signed("1.1.0"), _fails)
    bad_s = _roll_out(bad, folder / "bad")
    touched, back = bad.touched(), bad.versions().count("1.0.0")
    say(f"bad release: {touched} touched, {back} of {count} back after {bad_s:.1f} s")
    good = Plant(folder, names, workshop.signed("1.2.0"), _proven)
    good_s = _roll_out(good, folder / "good")
    new = good.versions().count("1.2.0")
    say(f"good release: {new} of {count} have it after {good_s:.1f} s")
    return [
        Row(f"rollout: touched by a bad release, of {count}", touched, "lower", "", count, reach=1),
        Row("rollout: not back from a bad release", count - back, "lower", "", count, reach=0),
        Row("rollout: all back after", bad_s, "lower", "s", count, reach=120),
        Row("rollout: without a good release", count - new, "lower", "", count, reach=0),
        *_paper_rows(folder / "paper", MANY // 10 if quick else MANY),
    ]


def _paper_rows(folder: Path, count: int) -> list[Row]:
    """The controller alone, its stations answer at once and its clock is set by hand."""
    names, clock = [f"s{k:05d}" for k in range(count)], ManualClock()
    write_rollout(folder, rollout_of(names, per_minute=60.0))
    before_s, begun_s = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    Controller(folder, Paper(), clock).run()
    after_s, wall_s = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begun_s
    cpu_s = after_s.ru_utime + after_s.ru_stime - before_s.ru_utime - before_s.ru_stime
    hours = clock.mono_ns() / 3.6e12
    say(
        f"{count} stations at 60 a minute: {hours:.2f} h; "
        f"controller {wall_s:.1f} s, {cpu_s:.1f} s CPU"
    )
    each_ms = cpu_s * 1000 / count
    return [
        Row(f"rollout: controller's CPU time a station, of {count}", each_ms, "lower", "ms", count)
    ]


def _roll_out(plant: Plant, folder: Path) -> float:
    """Seconds until the rollout has ended."""
    write_rollout(folder, rollout_of(plant.names, per_minute=60_000.0))
    begun_s = time.perf_counter()
    Controller(folder, plant, SystemClock()).run()
    say(f"phase {read_rollout(folder).phase}")
    return time.perf_counter() - begun_s


def rollout_of(names: list[str], per_minute: float, steps: str = GROUPS) -> Rollout:
    """A rollout that has not begun."""
    return Rollout(
        bundle="brightness.bundle",
        bundle_sha256="0" * 64,
        title="brightness",
        name="brightness",
        groups=cut_groups(names, steps),
        stations={name: StationProgress() for name in names},
        max_failures=0.02,
        per_minute=per_minute,
        probation_s=0.0,
        ask=False,
    )


def _holds(_: Bundle) -> None:
    """The parity vectors hold: these rows are about what shows itself later."""


def _proven(_: Journal) -> bool:
    return True


def _fails(_: Journal) -> bool:
    raise BundleError("disarms the station", where="simulated", cure="none")
