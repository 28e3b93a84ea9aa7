"""Networks that no station runs: convert refuses each by name, and writes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantize.__main__ import main


def with_five_dimensions(layers: Any, x: Any) -> Any:
    x = layers.Reshape((8, 8, 2, 24))(x)
    return layers.Flatten()(layers.Conv3D(2, 2)(x))


def with_an_error_function(layers: Any, x: Any) -> Any:
    from keras import ops

    return layers.GlobalAveragePooling2D()(ops.erf(layers.Conv2D(2, 3)(x)))


def with_a_sort(layers: Any, x: Any) -> Any:
    from keras import ops

    return ops.sort(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x)), axis=1)


NETWORKS: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "five dimensions": (with_five_dimensions, "RESHAPE works on 5-D tensor"),
    "no such operator": (with_an_error_function, "no int8 operator for Erf at functional"),
    "float-only operator": (with_a_sort, "works on FLOAT32"),
}
"""Name -> the network's body, and what the refusal says."""


@pytest.fixture
def run_of(image_run: Path, tmp_path: Path) -> Callable[[str], Path]:
    """`run_of(name)`: the run of the discs around another network."""

    def make(name: str) -> Path:
        import keras

        run = Path(shutil.copytree(image_run, tmp_path / "run"))
        pixels = keras.Input((32, 32, 3))
        body = NETWORKS[name][0](keras.layers, keras.layers.Rescaling(1 / 255)(pixels))
        keras.Model(pixels, keras.layers.Dense(2)(body)).save(run / "model.keras")
        return run

    return make


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_refused_and_nothing_is_written(
    name: str, run_of: Callable[[str], Path], tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out.bundle"
    words = ["convert", str(run_of(name)), "--out", str(out), "--variant", "int8"]
    assert main(words) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ")
    assert NETWORKS[name][1] in said
    assert not out.exists()
