"""The part of a run folder that a conversion needs: network, contract, calibration and inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import ModelSpec
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import damaged, read_arrays, read_document


@dataclass(frozen=True)
class HeldOutInputs:
    """inputs: (M, *input shape); row: (M,) int32, the Prediction.row each belongs to."""

    inputs: Tensor
    row: NDArray[np.int32]

    def of(self, row: int) -> Tensor:
        """The inputs of one sample, (K, *input shape)."""
        return np.asarray(self.inputs[self.row == row])


@dataclass(frozen=True)
class NetworkFolder:
    """spec.json is read; model.keras, heldout.npz and calibration.npz when they are asked for."""

    path: Path
    spec: ModelSpec

    @property
    def model_path(self) -> Path:
        """model.keras."""
        return self.path / files.MODEL

    @cached_property
    def held_out(self) -> HeldOutInputs:
        """heldout.npz: the prepared inputs of the held-out samples."""
        path = self.path / files.HELD_OUT
        arrays = read_arrays(path, ("inputs", "sample"))
        inputs, row = self._inputs(path, arrays["inputs"]), arrays["sample"]
        if row.shape != inputs.shape[:1] or row.dtype.kind not in "ui":
            raise damaged(path, "does not say to which sample each input belongs")
        return HeldOutInputs(inputs, row.astype(np.int32))

    @cached_property
    def calibration(self) -> Tensor:
        """calibration.npz: (N, *input shape) prepared inputs of training samples only."""
        path = self.path / files.CALIBRATION
        return self._inputs(path, read_arrays(path, ("inputs",))["inputs"])

    def _inputs(self, path: Path, inputs: NDArray[np.generic]) -> Tensor:
        shape = self.spec.input.shape
        expected = np.uint8 if self.spec.input.kind == "image" else np.float32
        if inputs.ndim == 0 or inputs.shape[1:] != shape:
            raise damaged(path, f"holds inputs {inputs.shape[1:]}, spec.json says {shape}")
        if inputs.dtype != expected:
            raise damaged(path, f"holds {inputs.dtype}, not {np.dtype(expected)}")
        return inputs


def open_network(path: Path) -> NetworkFolder:
    """Open the network of a run folder; raises RunError that names the file and the cure."""
    return NetworkFolder(path, read_document(ModelSpec, path / files.SPEC))
