"""Which runtime of the CPU judges a bundle: the fastest of those that agree with its vectors.

Each is proven as at arming, then timed in turn with the preferred one on the bundle's own parity
vectors, so that other load hits both alike. Only the ratio of such a pair is compared with others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

import numpy as np

from edge_agent.contracts.core.errors import LinesideError, ParityError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.parity_vectors import read_vectors
from edge_agent.infer.runtime import RuntimeDriver
from edge_agent.infer.self_test import raw_tensors, verify_parity
from edge_agent.infer.timed import Timed

MARGIN = 0.05
"""A runtime gives way only to one that takes so much less time: noise decides nothing."""

PAIR_S = 0.25
"""A pair of runtimes is timed so long."""

LEAST_RUNS = 5
"""Of each, however long one takes."""


def measure(
    bundle: Bundle,
    drivers: Sequence[RuntimeDriver],
    threads: int,
    *,
    pair_s: float = PAIR_S,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Timed]:
    """Each of `drivers` on the bundle's vectors; the first that agrees is the preferred one."""
    preferred: BundleInspector | None = None
    tensors: list[Tensor] = []
    for driver in drivers:
        try:
            found = _proven(bundle, driver, threads)
        except ImportError:
            yield Timed(name=driver.name, refused="is not whole: a library is missing")
            continue
        except LinesideError as error:
            yield Timed(name=driver.name, refused=_reason(error))
            continue
        if preferred is None:
            preferred, tensors = found, _tensors(found, bundle)
        ms, ratio = _timed(preferred, found, tensors, pair_s, clock)
        if found is not preferred:
            found.close()
        yield Timed(name=driver.name, ms=ms, ratio=ratio)
    if preferred is not None:
        preferred.close()


def fastest(rows: Sequence[Timed], before: str = "") -> str:
    """The name of the runtime that is taken; empty where none agrees.

    before: the one that was taken before; it, or else the first that agrees, stays unless another
    is faster by MARGIN.
    """
    agreeing = [row for row in rows if not row.refused]
    if not agreeing:
        return ""
    stays = next((row for row in agreeing if row.name == before), agreeing[0])
    quickest = min(agreeing, key=lambda row: row.ratio)
    return (quickest if quickest.ratio < (1 - MARGIN) * stays.ratio else stays).name


def _proven(bundle: Bundle, driver: RuntimeDriver, threads: int) -> BundleInspector:
    opened = driver.open(bundle.model, threads)
    try:
        inspector = BundleInspector(bundle.manifest, opened)
        inspector.parity = verify_parity(inspector, bundle)
    except BaseException:
        opened.close()
        raise
    return inspector


def _tensors(inspector: BundleInspector, bundle: Bundle) -> list[Tensor]:
    """What the network takes for the vectors, each with a batch axis of 1."""
    _, vectors = read_vectors(bundle)
    judgeable = [vector for vector in vectors if not vector.entry.refused]
    return [
        tensor[None]
        for vector in judgeable
        for tensor in raw_tensors(inspector, bundle.files, vector)
    ]


def _timed(
    preferred: BundleInspector,
    found: BundleInspector,
    tensors: list[Tensor],
    pair_s: float,
    clock: Callable[[], float],
) -> tuple[float, float]:
    """The lower quartile of `found` in ms, and its ratio to that of `preferred`."""
    times: list[tuple[float, float]] = []
    began = clock()
    for tensor in cycle(tensors):
        started = clock()
        preferred.runtime.invoke([tensor])
        between = clock()
        found.runtime.invoke([tensor])
        times.append((between - started, clock() - between))
        if len(times) >= LEAST_RUNS and clock() - began >= pair_s:
            break
    if not times:  # every vector is one that is refused: nothing tells them apart
        return 0.0, 1.0
    first, second = np.quantile(np.array(times), 0.25, axis=0)
    return float(second * 1e3), float(second / first) if found is not preferred else 1.0


def _reason(error: LinesideError) -> str:
    return f"{error.where}: {error.what}" if isinstance(error, ParityError) else error.what
