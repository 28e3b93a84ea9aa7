"""The shadow: a candidate bundle judges the items that the current one has judged.

An observer, in a thread of its own: it delays neither outputs nor verdicts, and what it is too slow
for is not compared. A channel has a candidate while the link `candidate` lies in its slot folder.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError, StorageError
from edge_agent.contracts.wire.observation import Observation
from edge_agent.decide.memory import ChannelMemory
from edge_agent.station.build import LoadedBundle, load_bundle
from edge_agent.station.config import Channel, StationConfig
from edge_agent.update.shadow_tally import ShadowTally, read_tally, write_tally
from edge_agent.update.slot_store import CANDIDATE

LOG = logging.getLogger("lineside.update")

LOOK_S = 2.0
"""Between two looks for a candidate, and two writings of its tally."""
PATIENCE_MS = 1e9
"""The deadline of the part is not the candidate's: an item may have waited here."""

Keep = Callable[[Observation], None]
"""Keeps an item about which two bundles disagree as evidence."""


@dataclass
class _Bench:
    """What one channel has beside it; `loaded` None: no candidate, or one that cannot judge."""

    table: Channel
    file: Path | None = None
    loaded: LoadedBundle | None = None
    looked_ns: int | None = None
    written_ns: int = 0


class Shadow:
    """The observer; close() gives models back. keep: is told of every disagreement."""

    def __init__(self, config: StationConfig, clock: Clock, keep: Keep | None = None) -> None:
        line = config.line.model_copy(update={"deadline_ms": PATIENCE_MS})
        self._config = config.model_copy(update={"line": line})
        self._deadline_ms = config.line.deadline_ms
        self._state_dir = config.station.state_dir
        self._clock = clock
        self._keep = keep
        self._closed = False
        self._turn = threading.Lock()
        self._benches = {table.name: _Bench(table) for table in config.channel}
        self._tallies: dict[str, ShadowTally] = {}  # by bundle: channels may share one

    def observe(self, observation: Observation) -> None:
        """Compare the candidate's verdict with the one that counted."""
        with self._turn:
            if not self._closed:
                self._compare(observation)

    def close(self) -> None:
        """Write what was compared, and give the models back; a second call does nothing."""
        with self._turn:
            self._closed = True
            for bench in self._benches.values():
                self._write(bench)
                _drop(bench)

    def _compare(self, observation: Observation) -> None:
        bench = self._benches.get(observation.verdict.channel)
        if bench is None:
            return
        self._look(bench)
        # An item that the network was not asked about tells nothing of another network.
        if bench.loaded is None or observation.judgement is None:
            return
        begun_ns = self._clock.mono_ns()
        verdict = bench.loaded.judge.judge(observation.item)
        took_ms = (self._clock.mono_ns() - begun_ns) / 1e6
        agrees = verdict.verdict == observation.verdict.verdict
        name, late = _name(bench.table), took_ms > self._deadline_ms
        self._tallies[name] = self._tallies[name].with_item(agrees=agrees, late=late)
        if not agrees:
            LOG.info(
                "part %s: %s says %s, the candidate %s says %s",
                observation.part_id,
                *(observation.verdict.bundle, observation.verdict.verdict.value),
                *(bench.loaded.title, verdict.verdict.value),
            )
            if self._keep is not None:
                self._keep(observation)
        if self._clock.mono_ns() - bench.written_ns >= LOOK_S * 1e9:
            self._write(bench)

    def _look(self, bench: _Bench) -> None:
        now_ns = self._clock.mono_ns()
        if bench.looked_ns is not None and now_ns - bench.looked_ns < LOOK_S * 1e9:
            return
        bench.looked_ns = now_ns
        file = _candidate(bench.table)
        if file == bench.file:
            return
        self._write(bench)
        _drop(bench)
        bench.file = file
        if file is not None:
            self._take_up(bench, file)

    def _take_up(self, bench: _Bench, file: Path) -> None:
        """Load and prove a candidate as an armed bundle is; a fault is told in its tally."""
        name, slot, fault = _name(bench.table), file.parent.name, ""
        table = bench.table.model_copy(update={"bundle": file})
        try:
            bench.loaded = load_bundle(table, self._config, self._clock, ChannelMemory())
        except LinesideError as error:
            LOG.warning("channel %s: no shadow: %s", bench.table.name, error)
            fault = str(error)[:400]
        tally = self._tallies.get(name)
        if tally is None or tally.manifest != slot:
            kept = read_tally(self._state_dir, name)
            goes_on = kept is not None and kept.manifest == slot and not kept.fault
            tally = kept if kept is not None and goes_on else ShadowTally(manifest=slot)
        self._tallies[name] = tally.model_copy(update={"fault": fault or tally.fault})
        self._write(bench)

    def _write(self, bench: _Bench) -> None:
        tally = self._tallies.get(_name(bench.table))
        if tally is None or bench.file is None:
            return
        bench.written_ns = self._clock.mono_ns()
        try:
            write_tally(self._state_dir, _name(bench.table), tally)
        except StorageError as error:
            LOG.warning("the shadow's tally is not written: %s", error)


def _candidate(table: Channel) -> Path | None:
    """The candidate's file, its links followed; None where there is none."""
    folder = table.bundle
    if folder is None or not folder.is_dir():
        return None
    file = folder / CANDIDATE / f"{folder.name}.bundle"
    return file.resolve() if file.is_file() else None


def _name(table: Channel) -> str:
    return table.name if table.bundle is None else table.bundle.name


def _drop(bench: _Bench) -> None:
    if bench.loaded is not None:
        bench.loaded.close()
    bench.loaded = bench.file = None
