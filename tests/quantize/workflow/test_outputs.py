from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.run_folder.network import open_network
from edge_agent.infer.bundle_inspector import load_inspector
from quantize.__main__ import main
from quantize.workflow.outputs import converted_outputs
from tests.quantize.conversion_cache import ConversionCache


@pytest.mark.parametrize("kind", ["image", "vibration"])
def test_the_outputs_are_those_of_the_bundle_that_the_run_becomes(
    kind: str, request: pytest.FixtureRequest, converter: ConversionCache
) -> None:
    run = request.getfixturevalue(f"{kind}_run")
    inspector = load_inspector(read_bundle(request.getfixturevalue(f"{kind}_bundle")))
    inputs = open_network(run).held_out.inputs
    expected = inspector.outputs(inputs)
    inspector.close()
    given = converted_outputs(run, "int8", 200, converter)
    assert given.dtype == np.float32
    np.testing.assert_array_equal(given, expected)


def test_outputs_are_not_written_into_the_run(
    image_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["outputs", str(image_run), "--out", str(image_run / "int8.npy")]) == 2
    assert "lies in the run itself" in capsys.readouterr().err
