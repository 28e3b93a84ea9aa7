"""The runtime that a station judges a bundle by, measured once and remembered.

Measured in a process of its own (infer/rivals_process) when a bundle is first armed, and again when
a runtime, its version, the processor or the count of threads is another. A station with one runtime
of the CPU measures nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from edge_agent.contracts.core.errors import BundleError, ConfigError, LinesideError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.isolation import ended_by
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.bundle import Bundle, archive_of
from edge_agent.contracts.model.manifest import parse_json
from edge_agent.infer.bundle_inspector import BundleInspector, load_inspector
from edge_agent.infer.rivals import fastest
from edge_agent.infer.runtime import RuntimeDriver
from edge_agent.infer.runtime_choice import runtime_drivers
from edge_agent.infer.runtime_names import AUTO
from edge_agent.infer.timed import Timed, words
from edge_agent.infer.trial import Trials, start_child

LOG = logging.getLogger("lineside.infer")

FILE = "runtimes.json"
"""In the station's state folder; without it every bundle is measured again."""

LIMIT_S = 5.0
"""Of the whole measurement, once for a bundle: OpenVINO takes a second to compile a network."""

TRIES = 3
"""So many starts measure a bundle whose measurement is not done in time."""

MOST = 64
"""Choices that are remembered; the oldest goes first."""

PROCESSOR_LINES = ("vendor_id", "cpu family", "model", "flags", "CPU ", "Features")
"""What of /proc/cpuinfo tells one kind of processor from another."""


class Remembered(Strict):
    """What was measured of one bundle. setting: runtimes with versions, threads and processor.

    tries: measurements in this setting, of which the last one counts.
    """

    bundle_sha256: str
    setting: str
    chosen: str
    rows: list[Timed]
    tries: int = Field(default=1, ge=1)

    def is_done(self) -> bool:
        """Whether another measurement would tell nothing new, or was tried often enough."""
        return self.tries >= TRIES or not any(row.unfinished for row in self.rows)


class RememberedChoices(Strict):
    """The file."""

    choices: list[Remembered] = Field(default=[])


class Chosen(NamedTuple):
    """The name of a runtime, and what was measured of it and of those that were not taken."""

    name: str
    measured: tuple[Timed, ...] = ()


@dataclass
class MeasuredChoice:
    """Chooses among the runtimes of the CPU. path: of the file, which need not be there yet."""

    path: Path
    limit_s: float = LIMIT_S
    drivers: Sequence[RuntimeDriver] = field(default_factory=runtime_drivers)
    command: list[str] = field(
        default_factory=lambda: [sys.executable, "-P", "-m", "edge_agent.infer.rivals_process"]
    )

    def runtime_for(self, bundle: Bundle, threads: int) -> Chosen:
        """The runtime to load; AUTO, and nothing measured, where there is nothing to choose."""
        if any(one.accelerator and one.model_file in bundle.files for one in self.drivers):
            return Chosen(AUTO)
        rivals = [one for one in self.drivers if not one.accelerator and one.available()]
        if len(rivals) < 2:
            return Chosen(AUTO)
        setting, table = _setting(rivals, threads), self._read()
        known = next((one for one in table if one.bundle_sha256 == bundle.sha256), None)
        if known is None or known.setting != setting or not known.is_done():
            known = self._measured(bundle, rivals, threads, setting, known)
            others = [one for one in table if one.bundle_sha256 != bundle.sha256]
            self._write([*others, known][-MOST:])
        return Chosen(known.chosen, tuple(known.rows))

    def refuse(self, bundle: Bundle, name: str, why: str) -> None:
        """The runtime that was taken before does not do any more: the preferred one goes on."""
        LOG.warning("%s does not run in %s any more: %s", bundle.title, name, why)
        self._write([one for one in self._read() if one.bundle_sha256 != bundle.sha256])

    def _measured(
        self,
        bundle: Bundle,
        rivals: list[RuntimeDriver],
        threads: int,
        setting: str,
        known: Remembered | None,
    ) -> Remembered:
        rows = self._rows(bundle, [one.name for one in rivals], threads)
        chosen = fastest(rows, known.chosen if known else "") or AUTO
        LOG.info("%s runs in %s: %s", bundle.title, chosen, words(rows))
        tries = known.tries + 1 if known and known.setting == setting else 1
        return Remembered(
            bundle_sha256=bundle.sha256, setting=setting, chosen=chosen, rows=rows, tries=tries
        )

    def _rows(self, bundle: Bundle, names: list[str], threads: int) -> list[Timed]:
        """A row for each name; what the child did not come to is refused with the reason."""
        asked = json.dumps([names, threads]).encode() + b"\n" + archive_of(bundle)
        child, late = start_child(self.command), False
        try:
            out, _ = child.communicate(asked, self.limit_s)
            code = child.returncode
            reason = ended_by(-code) if code < 0 else f"its measurement fails (exit code {code})"
        except subprocess.TimeoutExpired:
            child.kill()
            out, _ = child.communicate()
            reason, late = f"was not measured within {self.limit_s:g} s", True
        found = {row.name: row for row in map(_row, out.splitlines()) if row is not None}
        return [
            found.get(name) or Timed(name=name, refused=reason, unfinished=late) for name in names
        ]

    def _read(self) -> list[Remembered]:
        try:
            text = self.path.read_bytes()
        except OSError:
            return []
        try:
            return parse_json(RememberedChoices, text, str(self.path)).choices
        except BundleError as error:
            LOG.warning("%s is written anew: %s", self.path, error.what)
            return []

    def _write(self, table: list[Remembered]) -> None:
        """Only into a folder that is there: a check before the first start makes none."""
        if not self.path.parent.is_dir():
            return
        try:
            write_atomic(self.path, RememberedChoices(choices=table).model_dump_json().encode())
        except LinesideError as error:
            LOG.warning("the runtimes are measured again at the next start: %s", error)


def load_fastest(
    bundle: Bundle, choice: MeasuredChoice, *, runtime: str, threads: int, trials: Trials
) -> BundleInspector:
    """As load_inspector; `auto` takes the runtime that was measured to be the fastest here.

    A runtime that is asked for by name is obeyed, and nothing is measured.
    """
    taken = choice.runtime_for(bundle, threads) if runtime == AUTO else Chosen(runtime)
    try:
        inspector = load_inspector(bundle, runtime=taken.name, threads=threads, trials=trials)
    except (BundleError, ConfigError) as error:
        if taken.name == runtime:
            raise
        choice.refuse(bundle, taken.name, str(error))
    else:
        inspector.measured = taken.measured
        return inspector
    return load_inspector(bundle, runtime=runtime, threads=threads, trials=trials)


def _setting(rivals: list[RuntimeDriver], threads: int) -> str:
    packages = [f"{one.name}: {', '.join(one.installed())}" for one in rivals]
    return f"{'; '.join(packages)}; threads {threads}; processor {_processor()}"


def _processor() -> str:
    """The machine, and a hash of what tells its kind of processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    first = text.partition("\n\n")[0].splitlines()
    kind = "\n".join(line for line in first if line.startswith(PROCESSOR_LINES))
    return f"{platform.machine()} {hashlib.sha256(kind.encode()).hexdigest()[:12]}"


def _row(line: bytes) -> Timed | None:
    """None for a line that a process was killed in."""
    try:
        return parse_json(Timed, line, "row")
    except BundleError:
        return None
