"""A bundle made ready to judge: raw image, recording or process rows in, judgement out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packaging.version import InvalidVersion, Version

from edge_agent.contracts.core.errors import BundleError, InputError
from edge_agent.contracts.core.raw_input import another_kind
from edge_agent.contracts.core.types import Judgement, Tensor
from edge_agent.contracts.image.alignment import Pose
from edge_agent.contracts.image.cut_out import Place
from edge_agent.contracts.image.familiarity import image_statistics
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.bundle import CONVERT_AGAIN, Bundle
from edge_agent.contracts.model.manifest import Manifest, TensorSpec
from edge_agent.contracts.model.scoring import dequantise, judge, quantise
from edge_agent.contracts.process.input import TabularInput, prepare_windows
from edge_agent.contracts.process.tables import Table
from edge_agent.infer.aside import Aside, Task
from edge_agent.infer.runtime import DTYPES, Runtime
from edge_agent.infer.runtime_choice import (
    LOG,
    RUNTIMES,
    cpu_runtime,
    open_bundle,
    open_runtime,
)
from edge_agent.infer.runtime_names import AUTO
from edge_agent.infer.self_test import ParityReport, RawInput, verify_parity
from edge_agent.infer.timed import Timed
from edge_agent.infer.trial import Trials

Float = NDArray[np.float32]


class BundleInspector:
    """Judges inputs by one manifest in one runtime. One thread at a time may use it.

    parity: what the self-test found when the bundle was loaded, None where it was not asked for.
    measured: the runtimes among which this one was chosen; empty where there was no choice.
    scoring: the one in force, which people at the station may put in the place of the bundle's own.
    """

    def __init__(self, manifest: Manifest, runtime: Runtime) -> None:
        _refuse_other_tensors(manifest, runtime)
        self.manifest = manifest
        self.spec = manifest.spec
        self.scoring = manifest.spec.scoring
        self.runtime = runtime
        self.parity: ParityReport | None = None
        self.measured: tuple[Timed, ...] = ()
        self._input = runtime.inputs[0]
        self._dtype = DTYPES[self._input.dtype]
        self._pixels_pass = _takes_pixels(self._input)

    def inspect(
        self, raw: RawInput, aside: Aside | None = None, beside: Sequence[Task[Any]] = ()
    ) -> Judgement:
        """Judge one frame, all windows of one recording together, or the last row of a table.

        An image unlike the training images gets NO-VERDICT where the model carries such a gate.
        aside: takes `beside`, and what the gate needs, when only the runtime has work to do.
        Raises InputError with the reason where it cannot be judged.
        """
        tensors, pose = self._prepared(raw)
        gate = self.spec.familiarity
        seen = Task(partial(image_statistics, tensors)) if gate else None
        if aside is not None:
            for task in (*beside, seen) if seen else beside:
                aside.begin(task)
        judgement = self._over_frame(self.judge(self.raw_outputs(tensors)), pose, raw)
        if gate and seen:
            return gate.applied_by(judgement, seen.result, self.spec.good)
        return judgement

    def inspect_table(self, table: Table) -> Iterator[tuple[int, Judgement | InputError]]:
        """Judge every row of a table: its position, and the judgement or why there is none."""
        spec = self._tabular_input(table).model_copy(update={"hop_rows": 1})
        windows = prepare_windows(table, spec)
        place = {int(end): at for at, end in enumerate(windows.ends)}
        for row in range(len(table)):
            if row in place:
                yield row, self.judge(self.invoke(windows.values[place[row]]))
            else:
                lacking = f"fewer than {spec.window_rows} rows so far"
                reason = windows.refused.get(row, lacking)
                yield row, InputError(reason, where=f"{table.source}#{row}", cure="check the tag")

    def outputs(self, prepared: Tensor) -> Float:
        """Prepared inputs (N, *input shape) -> the first output, dequantised, float32 (N, K)."""
        return self.dequantised(self.raw_outputs(prepared))

    def raw_outputs(self, prepared: Tensor) -> list[Tensor]:
        """Prepared inputs (N, *input shape) -> every output as the runtime gave it, (N, ...)."""
        rows = [self.invoke(one) for one in prepared]
        if len(rows) == 1:
            return rows[0]
        return [np.concatenate(column) for column in zip(*rows, strict=True)]

    def invoke(self, prepared: Tensor) -> list[Tensor]:
        """One prepared input -> every output as the runtime gave it, with a batch axis of 1."""
        return self.runtime.invoke([self.tensor(prepared)[None]])

    def tensor(self, prepared: Tensor) -> Tensor:
        """What the network takes for one prepared input: pixels as they are, else quantised."""
        if self._pixels_pass and prepared.dtype == np.uint8:
            return prepared
        values = np.asarray(prepared, np.float32)
        return quantise(values, self._input.scale, self._input.zero_point, self._input.dtype)

    def dequantised(self, raw: list[Tensor], place: int = 0) -> Float:
        """Output `place` in real values, float32 (N, K)."""
        spec = self.runtime.outputs[place]
        return dequantise(raw[place], spec.scale, spec.zero_point).reshape(len(raw[place]), -1)

    def judge(self, raw: list[Tensor]) -> Judgement:
        """Outputs of one frame (N = 1) or of the windows of one recording -> judgement."""
        spec = self.spec
        judgement = judge(self.dequantised(raw), spec.labels, spec.good, self.scoring)
        if len(raw) < 2:
            return judgement
        height, width = self.runtime.outputs[1].shape[1:3]
        heats = self.dequantised(raw, 1).reshape(-1, height, width)
        return replace(judgement, heat=spec.input.join_heat(heats))

    def close(self) -> None:
        """Give the model's memory back; a second call does nothing."""
        self.runtime.close()

    def _prepared(self, raw: RawInput) -> tuple[Tensor, Pose | Place | None]:
        """The tensors of one input, and of a frame how it was moved."""
        spec = self.spec.input
        return (
            spec.prepare_posed(raw) if isinstance(spec, ImageInput) else (spec.prepare(raw), None)
        )

    def _over_frame(
        self, judgement: Judgement, pose: Pose | Place | None, raw: RawInput
    ) -> Judgement:
        """The same with a heat map that lies over the frame as it came, not as it was moved."""
        spec = self.spec.input
        if judgement.heat is None or not pose or not isinstance(spec, ImageInput):
            return judgement
        heat = spec.heat_over_frame(judgement.heat, pose, np.asarray(raw))
        return replace(judgement, heat=heat)

    def _tabular_input(self, table: Table) -> TabularInput:
        if not isinstance(self.spec.input, TabularInput):
            raise another_kind(self.spec.input.kind, table)
        return self.spec.input


def load_inspector(
    bundle: Bundle,
    *,
    runtime: str = AUTO,
    threads: int = 1,
    verify: bool = True,
    trials: Trials | None = None,
) -> BundleInspector:
    """Open the bundle's model; with `verify` the parity vectors must hold on this machine first.

    trials: run a model that was not run before in a process of its own first.
    runtime: as open_bundle takes it. An accelerator that `auto` found and that computes something
    else than the workshop did gives way to the CPU model. Raises BundleError when the model
    disagrees with the manifest, ParityError when this machine computes something else,
    DeviceError where the accelerator that is asked for is absent.
    """
    if trials is not None:
        is_auto = runtime in (AUTO, cpu_runtime()) or RUNTIMES.find(runtime).accelerator
        trials.check(bundle, AUTO if is_auto else runtime, threads)
    opened = open_bundle(bundle, runtime, threads)
    driver = RUNTIMES.find(opened.name)
    try:
        return _proven(bundle, opened, verify=verify)
    except BundleError as error:
        if runtime != AUTO or not driver.accelerator:
            raise
        LOG.warning("%s runs on the CPU, not on the %s: %s", bundle.title, driver.title, error)
    return _proven(bundle, open_runtime(bundle.model, AUTO, threads), verify=verify)


def _proven(bundle: Bundle, opened: Runtime, *, verify: bool) -> BundleInspector:
    try:
        _refuse_older_runtime(bundle.manifest, opened)
        inspector = BundleInspector(bundle.manifest, opened)
        if verify:
            inspector.parity = verify_parity(inspector, bundle)
    except BaseException:
        opened.close()
        raise
    return inspector


def _takes_pixels(spec: TensorSpec) -> bool:
    return spec.dtype == "uint8" and spec.scale == 1.0 and spec.zero_point == 0


def _refuse_other_tensors(manifest: Manifest, runtime: Runtime) -> None:
    for side, listed, found in (
        ("input", manifest.inputs, runtime.inputs),
        ("output", manifest.outputs, runtime.outputs),
    ):
        if len(listed) != len(found):
            raise _disagreement(f"{len(found)} {side}s, the manifest says {len(listed)}")
        for place, (said, is_) in enumerate(zip(listed, found, strict=True)):
            if not _same(said, is_):
                raise _disagreement(
                    f"{side} {place} is {_words(is_)}, the manifest says {_words(said)}"
                )
    wanted = [1, *manifest.spec.input.shape]
    if runtime.inputs[0].shape != wanted:
        raise _disagreement(f"takes {runtime.inputs[0].shape}, the specification gives {wanted}")
    logits = runtime.outputs[0].shape[-1]
    if manifest.spec.scoring.kind == "logits" and logits != len(manifest.spec.labels):
        raise _disagreement(f"gives {logits} logits for {len(manifest.spec.labels)} labels")


def _same(said: TensorSpec, found: TensorSpec) -> bool:
    exact = (said.shape, said.dtype, said.zero_point) == (
        found.shape,
        found.dtype,
        found.zero_point,
    )
    return exact and abs(said.scale - found.scale) <= 1e-6 * abs(found.scale)


def _words(spec: TensorSpec) -> str:
    return f"{spec.dtype} {spec.shape} scale {spec.scale:.6g} zero point {spec.zero_point}"


def _disagreement(what: str) -> BundleError:
    return BundleError(what, where="model.tflite", cure="convert the run again")


def _refuse_older_runtime(manifest: Manifest, runtime: Runtime) -> None:
    """The range in the manifest binds the runtime it names; any other must pass the vectors."""
    name, _, oldest = manifest.runtime.partition(">=")
    if name == runtime.name and _is_older(runtime.version, oldest):
        raise BundleError(
            f"needs {manifest.runtime}, this machine has {runtime.version}",
            where="model.tflite",
            cure="update the station's runtime",
        )


def _is_older(version: str, oldest: str) -> bool:
    try:
        return Version(version) < Version(oldest)
    except InvalidVersion as error:
        raise BundleError(
            f"runtime range {oldest!r} is no version", where="manifest.json", cure=CONVERT_AGAIN
        ) from error
