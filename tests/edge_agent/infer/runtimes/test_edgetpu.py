"""The Edge TPU's delegate: absent, broken, dying; with delegates built here, no hardware."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main as agent
from edge_agent.contracts.core.errors import BundleError, DeviceError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import read_bundle, write_bundle
from edge_agent.infer.bundle_inspector import load_inspector
from edge_agent.infer.runtime import Runtime
from edge_agent.infer.runtime_choice import Fallback, open_bundle, open_runtime
from edge_agent.infer.runtimes import edgetpu

HERE = Path(__file__).parent
MODEL = (HERE.parents[1] / "models" / "brightness.tflite").read_bytes()
COMPILER = shutil.which("cc")

Build = Callable[[str], str]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """`build(kind)`: a delegate of that kind (see delegate.c) takes the place of libedgetpu."""
    if COMPILER is None:
        pytest.skip("needs a C compiler")

    def make(kind: str) -> str:
        out = tmp_path / f"lib{kind.lower()}.so"
        words = [COMPILER, "-shared", "-fPIC", f"-D{kind}", f'-DHELD="{tmp_path}/held"']
        words += ["-o", str(out), str(HERE / "delegate.c")]
        subprocess.run(words, check=True)
        monkeypatch.setenv(edgetpu.LIBRARY_VARIABLE, str(out))
        return str(out)

    return make


@pytest.fixture
def twinned(image_bundle: Path, tmp_path: Path) -> Path:
    """A bundle with a twin; it is the CPU model again, which any delegate may run."""
    bundle = read_bundle(image_bundle)
    path = tmp_path / "twinned.bundle"
    write_bundle(path, bundle.manifest, {**bundle.files, edgetpu.MODEL_FILE: bundle.model})
    return path


def test_without_the_library_the_cpu_model_runs_and_a_line_says_so(
    twinned: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(edgetpu.LIBRARY_VARIABLE, "libedgetpu-absent.so.1")
    with caplog.at_level(logging.WARNING, "lineside.infer"):
        inspector = load_inspector(read_bundle(twinned))
    assert inspector.runtime.name == "litert"
    (line,) = caplog.messages
    assert "runs on the CPU: libedgetpu-absent.so.1: cannot be loaded" in line


def test_a_bundle_without_twin_says_nothing_and_runs(
    image_bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load_inspector(read_bundle(image_bundle)).runtime.name == "litert"
    assert caplog.messages == []


def test_predict_with_edgetpu_ends_with_4_where_it_is_absent(
    twinned: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(edgetpu.LIBRARY_VARIABLE, "libedgetpu-absent.so.1")
    assert agent(["predict", str(twinned), str(twinned), "--runtime", "edgetpu"]) == 4
    assert "libedgetpu-absent.so.1: cannot be loaded" in capsys.readouterr().err


def test_edgetpu_needs_a_twin(image_bundle: Path) -> None:
    with pytest.raises(BundleError, match="has no model compiled for Edge TPU: convert it"):
        open_bundle(read_bundle(image_bundle), "edgetpu")


def test_a_library_without_its_accelerator_is_said(twinned: Path, build: Build) -> None:
    build("ABSENT")
    with pytest.raises(DeviceError, match=r"no Edge TPU answers \(.*no device found"):
        open_bundle(read_bundle(twinned), "edgetpu")
    assert load_inspector(read_bundle(twinned)).runtime.name == "litert"


def test_a_delegate_that_crashes_takes_nobody_along(twinned: Path, build: Build) -> None:
    build("CRASHES")
    with pytest.raises(DeviceError, match=r"crashes in this runtime \(SIGSEGV\)"):
        open_bundle(read_bundle(twinned), "edgetpu")
    assert load_inspector(read_bundle(twinned)).runtime.name == "litert"


def test_a_delegate_that_answers_is_used_and_proven(twinned: Path, build: Build) -> None:
    build("IDLE")
    inspector = load_inspector(read_bundle(twinned))
    assert inspector.runtime.name == "edgetpu"
    assert inspector.parity is not None
    assert inspector.parity.worst_quanta <= inspector.manifest.parity_quanta
    inspector.close()


def test_models_of_one_agent_share_the_accelerator_that_only_one_process_can_have(
    twinned: Path, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    build("EXCLUSIVE")
    bundle = read_bundle(twinned)
    for _ in range(2):
        inspectors = [load_inspector(bundle, runtime="edgetpu") for _ in range(2)]
        assert [one.runtime.name for one in inspectors] == ["edgetpu"] * 2
        for inspector in inspectors:
            inspector.close()
    assert caplog.messages == []


def test_a_twin_that_computes_something_else_gives_way_to_the_cpu(
    twinned: Path, build: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build("IDLE")
    bundle = read_bundle(twinned)
    other = (HERE.parents[1] / "models" / "loudness.tflite").read_bytes()
    path = tmp_path / "other.bundle"
    write_bundle(path, bundle.manifest, {**bundle.files, edgetpu.MODEL_FILE: other})
    assert load_inspector(read_bundle(path)).runtime.name == "litert"
    assert "not on the Edge TPU" in caplog.text
    with pytest.raises(BundleError, match="the manifest says"):
        load_inspector(read_bundle(path), runtime="edgetpu")


class Unplugged:
    """The CPU's answers, until the cable is pulled after so many runs."""

    def __init__(self, runs: int) -> None:
        self._real: Runtime = open_runtime(MODEL)
        self.name, self.version = "edgetpu", "0"
        self.inputs, self.outputs = self._real.inputs, self._real.outputs
        self._left = runs

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        answers = self._real.invoke(tensors)
        if self._left == 0:
            raise DeviceError("a run fails (USB transfer error)", where="Edge TPU")
        self._left -= 1
        return answers

    def close(self) -> None:
        self._real.close()


def test_an_accelerator_that_dies_leaves_the_cpu_model_at_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runtime = Fallback(Unplugged(2), lambda: open_runtime(MODEL))
    given = runtime.inputs[0]
    tensors: list[Tensor] = [np.full(given.shape, 7, np.uint8)]
    answers = [runtime.invoke(tensors)[0] for _ in range(5)]
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    assert runtime.name == "litert"
    assert caplog.messages == [
        "Edge TPU: a run fails (USB transfer error); the CPU model goes on",
    ]
    runtime.close()
    with pytest.raises(BundleError, match="closed"):
        runtime.invoke(tensors)


def test_a_cpu_model_that_cannot_be_opened_at_once_is_tried_again() -> None:
    missing = iter([MemoryError("no room for the CPU model")])

    def open_cpu() -> Runtime:
        for error in missing:
            raise error
        return open_runtime(MODEL)

    runtime = Fallback(Unplugged(0), open_cpu)
    tensors: list[Tensor] = [np.full(runtime.inputs[0].shape, 7, np.uint8)]
    with pytest.raises(MemoryError):
        runtime.invoke(tensors)
    assert len(runtime.invoke(tensors)) == len(runtime.outputs)
    assert runtime.name == "litert"
    runtime.close()


def test_the_runtimes_own_fault_is_a_device_error(build: Build) -> None:
    runtime = edgetpu.load_here(build("IDLE"), MODEL, 1)
    runtime.close()
    with pytest.raises(BundleError, match="closed"):
        runtime.invoke([])


def test_corals_compiled_models_are_refused_and_never_crash(data_dir: Path) -> None:
    compiled = sorted((data_dir / "coral_models").rglob("*_edgetpu.tflite"))
    assert len(compiled) >= 3
    for path in compiled:
        with pytest.raises(DeviceError, match=r"libedgetpu\.so\.1: cannot be loaded"):
            open_runtime(path.read_bytes())


def test_a_compiled_model_with_a_delegate_that_does_not_know_it_is_refused(
    data_dir: Path, build: Build
) -> None:
    build("IDLE")
    path = data_dir / "coral_models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite"
    with pytest.raises(BundleError, match="uses the custom operator edgetpu-custom-op"):
        open_runtime(path.read_bytes())
