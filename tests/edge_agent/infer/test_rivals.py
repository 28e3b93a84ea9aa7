"""Which runtime is taken: real ones on real bundles, and the rule on rows alone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.contracts.model.flatbuffer import packed
from edge_agent.infer.rivals import MARGIN, fastest, measure
from edge_agent.infer.runtime import Interpreted, Runtime, RuntimeDriver
from edge_agent.infer.runtimes import litert, openvino, openvino_float
from edge_agent.infer.timed import Timed, words
from tests import station_kit

NEEDS_OPENVINO = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is absent")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return read_bundle(station_kit.write_image_bundle(tmp_path / "a.bundle"))


def test_the_runtime_that_was_taken_stays_unless_another_is_clearly_faster() -> None:
    slow, close = Timed(name="a", ratio=1.0), Timed(name="b", ratio=1 - MARGIN + 0.001)
    clear = Timed(name="c", ratio=1 - MARGIN - 0.001)
    assert fastest([slow, close]) == "a"
    assert fastest([slow, close], before="b") == "b"
    assert fastest([slow, clear]) == "c"
    assert fastest([slow, close, clear], before="b") == "b"
    assert fastest([slow, close], before="gone") == "a"


def test_a_runtime_that_disagrees_is_not_taken_however_fast() -> None:
    wrong = Timed(name="a", ratio=0.1, refused="other outputs")
    assert fastest([wrong, Timed(name="b")]) == "b"
    assert fastest([wrong, Timed(name="b")], before="a") == "b"
    assert fastest([wrong]) == ""


def litert_with(name: str, model: bytes) -> RuntimeDriver:
    """LiteRT with another model than the bundle's."""

    def load(_: bytes, threads: int) -> Runtime:
        return litert.load(model, threads)

    return RuntimeDriver(name, name, 1, ("ai-edge-litert",), "device", load)


def other_weights(model: bytes) -> bytes:
    """The weights of the last layer with the other sign."""
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromPackedBuf(model)
    graph = tree.subgraphs[0]
    dense = schema.BuiltinOperator.FULLY_CONNECTED
    last = [op for op in graph.operators if tree.operatorCodes[op.opcodeIndex].builtinCode == dense]
    buffer = tree.buffers[graph.tensors[last[-1].inputs[1]].buffer]
    buffer.data = (-np.array(buffer.data, np.uint8).view(np.int8)).view(np.uint8)
    return packed(tree)


def test_a_runtime_that_computes_something_else_is_refused_with_the_vector(bundle: Bundle) -> None:
    drivers = [litert_with("broken", other_weights(bundle.model)), litert.DRIVER]
    broken, sound = measure(bundle, drivers, 1, pair_s=0)
    assert "grey gives outputs" in broken.refused
    assert "quanta apart, 2 are allowed" in broken.refused
    assert (sound.refused, sound.ratio) == ("", 1.0)
    assert fastest([broken, sound]) == "litert"
    said = words([broken, sound])
    assert said.startswith("broken is refused: parity vector: grey gives")
    assert "; litert 0" in said


def test_what_is_no_model_there_or_not_installed_is_refused(bundle: Bundle) -> None:
    def absent(_: bytes, threads: int) -> Runtime:
        raise ModuleNotFoundError("no_such_runtime")

    missing = RuntimeDriver("missing", "missing", 1, ("ai-edge-litert",), "device", absent)
    first, second = measure(bundle, [litert_with("junk", b"no model"), missing], 1, pair_s=0)
    assert "the runtime refuses it" in first.refused
    assert "a library is missing" in second.refused


class Threefold(Interpreted):
    """LiteRT that runs the network three times for each output."""

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        for _ in range(2):
            super().invoke(tensors)
        return super().invoke(tensors)


def test_a_runtime_that_does_three_times_the_work_takes_longer(bundle: Bundle) -> None:
    from ai_edge_litert.interpreter import Interpreter

    def load(model: bytes, threads: int) -> Runtime:
        return Threefold("threefold", "ai-edge-litert", Interpreter, model, threads)

    threefold = RuntimeDriver("threefold", "", 1, ("ai-edge-litert",), "device", load)
    preferred, slower = measure(bundle, [litert.DRIVER, threefold], 1, pair_s=0.1)
    assert 1.5 < slower.ratio < 6
    assert slower.ms > preferred.ms > 0
    _, quicker = measure(bundle, [threefold, litert.DRIVER], 1, pair_s=0.1)
    assert quicker.ratio < 0.7
    assert fastest([Timed(name="threefold"), quicker]) == "litert"


@NEEDS_OPENVINO
def test_openvino_in_float_agrees_with_the_workshop(tmp_path: Path, bundle: Bundle) -> None:
    drift = read_bundle(station_kit.write_process_bundle(tmp_path / "p.bundle"))
    for one in (bundle, drift):
        _, found = measure(one, [litert.DRIVER, openvino_float.DRIVER], 1, pair_s=0)
        assert found.refused == ""
        assert found.ratio > 0


@NEEDS_OPENVINO
def test_openvino_s_integers_are_refused_where_its_outputs_are_apart(bundle: Bundle) -> None:
    """What decides is this processor: without VNNI the sums of these weights saturate."""
    white = np.full((1, 32, 32, 3), 200, np.uint8)
    runtimes = [driver.open(bundle.model, 1) for driver in (litert.DRIVER, openvino.DRIVER)]
    said, found = (one.invoke([white])[0].astype(int) for one in runtimes)
    (row,) = measure(bundle, [openvino.DRIVER], 1, pair_s=0)
    assert bool(row.refused) == (np.abs(said - found).max() > bundle.manifest.parity_quanta)
