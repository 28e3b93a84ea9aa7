"""How long a station computes before the network of a vibration model runs: a window's views.

Spectra and envelopes of a second of signal take many times as long as the network that reads them,
and no row of the cost table counts them. They are measured on this computer, by the station's own
function on noise, and scaled by what the target's row says of arithmetic in float.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from edge_agent.contracts.model.cost_calibration import station_cost
from edge_agent.contracts.model.target_cost import find_cost
from edge_agent.contracts.vibration.input import VibrationInput, prepare_window
from trainer.data.prepare import InputSpec

LEAST_RUNS, LEAST_S = 5, 0.2
"""Runs and seconds that are measured at least; the fastest run counts, as what else the computer
does slows the others."""

TURNS = 10
"""Of the shaft in the window, for views in orders."""

VECTORS = 3.0
"""The table's factors are of networks, which use vectors of 512 bits here and of 128 bits on an
ARM core; a Fourier transform uses none. A third of the factor is an estimate, and no less than
ALIKE, where the factor is as large."""

ALIKE = 2.0


def window_ms(spec: InputSpec, target: str, clock: Callable[[], float] = time.thread_time) -> float:
    """Milliseconds of one thread of the target for the network's input; 0 for other than vibration.

    clock: seconds of processor time.
    """
    if not isinstance(spec, VibrationInput):
        return 0.0
    window = np.random.default_rng(0).standard_normal(spec.window_shape).astype(np.float32)
    rpm = 60 * TURNS * spec.rate_hz / spec.window_samples
    seconds: list[float] = []
    while len(seconds) < LEAST_RUNS or sum(seconds) < LEAST_S:
        began = clock()
        prepare_window(window, spec, rpm)
        seconds.append(clock() - began)
    return 1000 * min(seconds) * slower_than_here(target)


def slower_than_here(target: str) -> float:
    """How many times as long as here the views take on the target."""
    ratio = station_cost(target).float_ms / find_cost("x86").float_ms
    return max(min(ratio, ALIKE), ratio / VECTORS)


def window_source(kind: str, target: str) -> str:
    """What the time before the network is from, for a kind of data that has one; else ""."""
    if kind != "vibration":
        return ""
    factor = slower_than_here(target)
    return f"; the views of a window measured on this computer, times {factor:.2g} (estimated)"
