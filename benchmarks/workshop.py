"""The four commands, called as a user calls them, one after the other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = {
    "lineside-train": "trainer",
    "lineside-quantize": "quantize",
    "lineside-deploy": "deploy",
    "lineside-agent": "edge_agent",
}


@dataclass(frozen=True)
class Workshop:
    """A folder in which models are made and from which they are pushed."""

    folder: Path
    quiet: bool = True

    @property
    def station(self) -> Path:
        """The station folder that `push` fills."""
        return self.folder / "station"

    def call(self, program: str, *words: str | Path, ok: Sequence[int] = (0,)) -> str:
        """Run one command; its stdout. A failure ends this program with the command's own words."""
        command = [sys.executable, "-m", PROGRAMS[program], *map(str, words)]
        talk = subprocess.PIPE if self.quiet else None
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=talk, text=True, check=False)
        if done.returncode not in ok:
            said = (done.stderr or "") + done.stdout
            line = " ".join([program, *map(str, words)])
            raise SystemExit(f"{line}\nended with {done.returncode}: {said.strip()}")
        return done.stdout

    def train(self, dataset: Path, name: str, *options: str | Path) -> Path:
        """Fit a model on `dataset`; its run folder."""
        run = self.folder / "runs" / name
        self.call("lineside-train", "fit", dataset, "--out", run, *options)
        return run

    def bundle(self, run: Path, *options: str) -> Path:
        """Quantise a run; its bundle."""
        path = self.folder / f"{run.name}.bundle"
        self.call("lineside-quantize", "convert", run, "--out", path, *options)
        return path

    def deliver(self, bundle: Path) -> None:
        """Sign a bundle with this workshop's key and push it to this workshop's station."""
        keys = self.folder / "keys"
        if not keys.exists():
            self.call("lineside-deploy", "keys", "init", keys)
        self.call("lineside-deploy", "release", bundle, "--keys", keys)
        trust = keys / "root.json"
        self.call("lineside-deploy", "push", bundle, "--to", self.station, "--trust", trust)
