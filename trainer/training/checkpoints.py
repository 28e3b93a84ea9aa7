"""RUN.unfinished: what a fit leaves on disk while it trains, so that an interrupted one goes on.

Each training of a fit, in order, has one file of its last finished epoch: all variables of the
network and of its optimiser, the best epoch's, the generator's state, and the rows of the history.
Whoever goes on from it gets what an uninterrupted fit would have got.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.files import sha256_hex, write_atomic
from trainer.config.fit import FitConfig
from trainer.console.progress import Progress
from trainer.data.split import Split

Arrays = Sequence[NDArray[np.generic]]
LOGS = "logs"
PACKAGES = ("lineside", "keras", "tensorflow", "numpy")


@dataclass(frozen=True)
class Checkpoint:
    """A training after its last finished epoch. facts: JSON values; the rest, lists of arrays."""

    facts: dict[str, Any]
    variables: Arrays
    optimiser: Arrays
    best: Arrays


@dataclass(frozen=True)
class CheckpointFiles:
    """Where one training keeps its epochs (`state`) and its TensorBoard logs; None: nowhere."""

    state: Path | None = None
    logs: Path | None = None
    mark: str = ""

    def read(self) -> Checkpoint | None:
        """The state of the last finished epoch; None where there is none."""
        if self.state is None or not self.state.is_file():
            return None
        return _read(self.state)

    def write(self, state: Checkpoint) -> None:
        """Replace the state, whole or not at all."""
        if self.state is None:
            return
        named: dict[str, Any] = {"facts": np.array(json.dumps({**state.facts, "mark": self.mark}))}
        for part in ("variables", "optimiser", "best"):
            arrays = getattr(state, part)
            named |= {f"{part}-{number:04d}": array for number, array in enumerate(arrays)}
        stream = io.BytesIO()
        np.savez(stream, **named)
        write_atomic(self.state, stream.getvalue())


@dataclass
class CheckpointFolder:
    """The folder of a fit under way; without one, nothing is kept.

    logged: whether TensorBoard logs are written too, into its folder `logs`.
    """

    folder: Path | None = None
    mark: str = ""
    logged: bool = False
    begun: int = field(default=0, init=False)

    def next_training(self) -> CheckpointFiles:
        """The place of the next training of this fit; the order is the same each time."""
        self.begun += 1
        if self.folder is None:
            return CheckpointFiles()
        logs = self.logs
        if logs is not None and self.begun > 1:
            logs = logs / str(self.begun)
        return CheckpointFiles(self.folder / f"training-{self.begun}.npz", logs, self.mark)

    @property
    def logs(self) -> Path | None:
        """The folder of TensorBoard logs; None where none are asked for."""
        return self.folder / LOGS if self.folder and self.logged else None

    def interrupted(self) -> bool:
        """Whether anything is there to go on from."""
        return bool(self.folder and _states(self.folder))

    def remove(self) -> None:
        """The run is written: nothing of this is needed any more."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def open_checkpoints(run: Path, mark: str, logged: bool, progress: Progress) -> CheckpointFolder:
    """The folder beside `run`; what another configuration or data set left there goes, and
    `progress` says which of both it is."""
    folder = run.with_name(f"{run.name}.unfinished")
    states = [_facts(path) for path in _states(folder)]
    if any(facts is None or facts["mark"] != mark for facts in states):
        progress.say(f"{folder} is of another configuration, data set or version: starting afresh")
        shutil.rmtree(folder)
    elif states:
        epochs = sum(len(facts["rows"]) for facts in states if facts)
        progress.say(f"an interrupted fit goes on after {epochs} finished epochs: {folder}")
    return CheckpointFolder(folder, mark, logged)


def mark_of(split: Split, config: FitConfig) -> str:
    """What an unfinished fit must share with this one: data, split, configuration, versions."""
    content = [
        config.model_dump_json(),
        split.dataset.sha256(),
        split.dataset.config.model_dump_json(),
        ",".join(split.names()),
        *(f"{name} {version(name)}" for name in PACKAGES),
    ]
    return sha256_hex("\n".join(content).encode())[:16]


class Variable(Protocol):
    """A Keras variable."""

    def assign(self, value: NDArray[np.generic]) -> object: ...


class Owner(Protocol):
    """A Keras network or optimiser."""

    @property
    def variables(self) -> Sequence[Variable]: ...


def values_of(owner: Owner) -> list[NDArray[np.generic]]:
    """The values of all its variables, random seeds among them."""
    return [np.asarray(variable) for variable in owner.variables]


def assign(variables: Sequence[Variable], values: Arrays) -> None:
    """Give each variable its value; raises ValueError where their numbers differ."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _states(folder: Path) -> list[Path]:
    return sorted(folder.rglob("training-*.npz"))


def _facts(path: Path) -> dict[str, Any] | None:
    state = _read(path)
    return state.facts if state else None


def _read(path: Path) -> Checkpoint | None:
    """None for a file that is damaged: the training then starts afresh."""
    try:
        with np.load(io.BytesIO(path.read_bytes())) as content:
            facts = json.loads(str(content["facts"]))
            parts = {
                part: [content[name] for name in sorted(content.files) if name.startswith(part)]
                for part in ("variables", "optimiser", "best")
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Checkpoint(facts, **parts)
