"""Reading the network of a run: the same outputs again, and a damaged file is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import RunError
from trainer.run_folder.network import read_network


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """model.keras of 3 inputs and 2 outputs, and its kernel."""
    import keras

    inputs = keras.Input((3,))
    network = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    path = tmp_path_factory.mktemp("network") / "model.keras"
    network.save(path)
    return path, network.get_weights()[0]


def test_a_network_comes_back_with_its_weights(saved: tuple[Path, np.ndarray]) -> None:
    path, kernel = saved
    network = read_network(path, (3,))
    np.testing.assert_allclose(network(np.eye(3, dtype=np.float32)), kernel, rtol=1e-6)


def test_a_network_of_other_inputs_is_refused(saved: tuple[Path, np.ndarray]) -> None:
    for shape in ((4,), (3, 1)):
        with pytest.raises(RunError, match=r"takes inputs \(3,\), spec\.json says"):
            read_network(saved[0], shape)


def test_an_open_side_takes_any_length(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((None, 2))
    keras.Model(inputs, keras.layers.Dense(1)(inputs)).save(tmp_path / "model.keras")
    assert read_network(tmp_path / "model.keras", (7, 2)).input_shape == (None, None, 2)


@pytest.mark.parametrize("damage", ["empty", "text", "half", "changed"])
def test_a_damaged_file_is_named(
    saved: tuple[Path, np.ndarray], tmp_path: Path, damage: str
) -> None:
    payload = saved[0].read_bytes()
    changed = bytearray(payload)
    changed[100:160] = bytes(60)
    damaged = {"empty": b"", "text": b"no archive", "half": payload[: len(payload) // 2]}
    path = tmp_path / "model.keras"
    path.write_bytes(damaged.get(damage, bytes(changed)))
    with pytest.raises(RunError, match="cannot be loaded") as refused:
        read_network(path, (3,))
    assert "model.keras" in str(refused.value)
