"""What a run costs on this machine: the row of a target's cost table, and how far it is wrong.

    python -m benchmarks.costs

Networks of the trainer, untrained, are converted to int8 and timed on one thread, by processor
time. The row is the non-negative least squares fit of their relative times; each network is
predicted by the row that was fitted without it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.int8 import convert, convert_images
from benchmarks.rows import Row, print_rows, say
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.target_cost import Work
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.infer.runtime_choice import open_runtime
from quantize.bench.worker import made_inputs
from quantize.graph.read import parse_graph
from quantize.graph.work import work_of
from trainer.config.fit import FitConfig
from trainer.console.tf_log import quiet_tensorflow
from trainer.models.architectures import architectures

RUNS = 120
RATES = ("convolution", "depthwise", "float", "operator", "write")
UNITS = ("ms/GMAC", "ms/GMAC", "ms/GMAC", "ms", "ms/MB")
SAMPLES = 4

Model = Callable[[], bytes]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, fit and print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs")
    parser.add_argument("--only", action="append", choices=sorted(NETWORKS))
    names = parser.parse_args(argv).only or list(NETWORKS)
    quiet_tensorflow()
    works, times = [], []
    for name in names:
        payload = NETWORKS[name]()
        works.append(work_of(parse_graph(payload, name)))
        times.append(time_ms(payload))
        say(f"{name}: {times[-1]:.3f} ms, {works[-1]}")
    print_rows(_rows(names, works, np.array(times)))
    return 0


def fit_rates(works: Sequence[Work], times_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The five rates of a row by the least relative errors, none negative."""
    from scipy.optimize import nnls

    amounts = np.array([work.amounts() for work in works]) / times_ms[:, None]
    return np.asarray(nnls(amounts, np.ones(len(works)))[0])


def _rows(names: Sequence[str], works: Sequence[Work], times_ms: NDArray[np.float64]) -> list[Row]:
    rates = fit_rates(works, times_ms)
    rows = [
        Row(f"{kind}", float(rate), "lower", unit, len(works))
        for kind, rate, unit in zip(RATES, rates, UNITS, strict=True)
    ]
    factors = []
    for place, name in enumerate(names):
        others = [*works[:place], *works[place + 1 :]]
        without = fit_rates(others, np.delete(times_ms, place))
        predicted = float(np.dot(without, works[place].amounts()))
        factors.append(max(predicted / times_ms[place], times_ms[place] / max(predicted, 1e-9)))
        rows.append(Row(f"{name} measured", float(times_ms[place]), "lower", "ms", RUNS))
        rows.append(Row(f"{name} predicted without it", predicted, "lower", "ms"))
    rows.append(Row("largest factor, left out", max(factors), "lower", "", len(names)))
    return rows


def time_ms(payload: bytes) -> float:
    """The lower quartile of processor time: other programs take caches away."""
    runtime = open_runtime(payload)
    tensors = made_inputs(runtime)
    spent = []
    for _ in range(RUNS):
        started = time.thread_time()
        runtime.invoke(tensors)
        spent.append(time.thread_time() - started)
    runtime.close()
    return 1000 * float(np.quantile(spent, 0.25))


def _image(model: str, size_px: int, weights: str, **options: object) -> Model:
    def made() -> bytes:
        architecture = architectures()[model]
        spec = ImageInput(width_px=size_px, height_px=size_px)
        chosen = architecture.options.model_validate(options)
        network = architecture.build(spec, 4, FitConfig(weights=weights), chosen)
        pixels = np.random.default_rng(0).integers(0, 256, (SAMPLES, *spec.shape), np.uint8)
        return convert_images(network, pixels)

    return made


def _vibration(model: str, window: int) -> Model:
    def made() -> bytes:
        architecture = architectures()[model]
        spec = VibrationInput(
            rate_hz=6400, axes=["x"], unit="g", window_samples=window, hop_samples=window
        )
        network = architecture.build(spec, 4, FitConfig(), architecture.options())
        shape = (SAMPLES, *spec.shape)
        return convert(network, np.random.default_rng(0).normal(0, 1, shape).astype(np.float32))

    return made


LITE0, MOBILE = "efficientnet_lite0", "none"
NETWORKS: Mapping[str, Model] = {
    "cnn 96": _image("cnn", 96, MOBILE),
    "cnn 224": _image("cnn", 224, MOBILE),
    "transfer mobilenet 96": _image("transfer", 96, MOBILE, tta_views=1, layers="wide"),
    "transfer mobilenet 224": _image("transfer", 224, MOBILE, tta_views=1, layers="wide"),
    "transfer mobilenet 224, four views": _image("transfer", 224, MOBILE, layers="middle"),
    "transfer lite0 160": _image("transfer", 160, LITE0, tta_views=1, layers="wide"),
    "transfer lite0 224": _image("transfer", 224, LITE0, tta_views=1, layers="wide"),
    "transfer lite0 224, four views": _image("transfer", 224, LITE0, layers="mixed"),
    "padim lite0 224": _image("padim", 224, LITE0),
    "padim mobilenet 320": _image("padim", 320, MOBILE),
    "patchcore lite0 320": _image("patchcore", 320, LITE0),
    "autoencoder 96": _image("autoencoder", 96, MOBILE),
    "conv1d 2048": _vibration("conv1d", 2048),
    "conv1d-autoencoder 1024": _vibration("conv1d-autoencoder", 1024),
}
"""Name -> how the int8 file is made."""


if __name__ == "__main__":
    sys.exit(main())
