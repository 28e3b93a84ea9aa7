"""A run as the trainer reads it: the contract's run folder, its configuration and its network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.toml import read_toml
from edge_agent.contracts.run_folder.files import CONFIG, damaged
from edge_agent.contracts.run_folder.run import RunFolder, open_run
from trainer.config.fit import FitConfig
from trainer.run_folder.network import read_network

if TYPE_CHECKING:
    import keras


class RunConfig(FitConfig):
    """config.toml of a run: the fit, resolved, and the data set it was made from."""

    dataset: str
    name: str


@dataclass(frozen=True)
class FittedRun(RunFolder):
    """A run folder with the fit's configuration."""

    config: RunConfig

    def network(self) -> keras.Model:
        """The fitted network, which takes inputs of the specification's shape."""
        return read_network(self.model_path, self.spec.input.shape)


def open_fitted_run(path: Path) -> FittedRun:
    """Read a run folder back; raises RunError, or ConfigError for a wrong config.toml."""
    run = open_run(path)
    for name in (run.path / CONFIG, run.model_path):
        if not name.is_file():
            raise damaged(name, "is missing")
    config = read_toml(path / CONFIG, RunConfig)
    return FittedRun(
        run.path, run.spec, run.provenance, run.metrics, run.predictions, config=config
    )
