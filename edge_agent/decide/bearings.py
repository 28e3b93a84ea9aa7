"""Bearing faults by their orders: what the geometry foretells, looked for in the envelope.

An order is a frequency divided by the shaft's. The outer race stands still, the inner turns.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from edge_agent.contracts.core.errors import ConfigError, InputError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.vibration.views import EnvelopeView, envelope

BIN_ORDERS = 0.05
"""Resolution of the order spectrum that is searched."""

SLIP = 0.02
"""Rolling elements slip: lines lie up to 2 % off (Randall & Antoni, MSSP 25, 2011, section 2)."""

TURNS = 20
"""Turns of the shaft below which orders cannot be told apart."""

MIN_PROMINENCE = 2.0
"""ln of a line over its floor (a factor 7.4) that noise does not reach in three harmonics."""


@dataclass(frozen=True)
class Bearing:
    """elements: rolling elements; ball_mm, pitch_mm: diameters; contact_deg: contact angle."""

    name: str
    elements: int
    ball_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    @property
    def orders(self) -> dict[str, float]:
        """BPFO, BPFI, BSF and FTF as multiples of the shaft's frequency.

        T. A. Harris, Rolling Bearing Analysis, 4th ed., chapter 25; with r = d cos(a) / D:
        FTF = (1 - r) / 2, BPFO = n FTF, BPFI = n (1 + r) / 2, BSF = D (1 - r^2) / (2 d).
        """
        ratio = self.ball_mm * math.cos(math.radians(self.contact_deg)) / self.pitch_mm
        cage = (1 - ratio) / 2
        return {
            "BPFO": self.elements * cage,
            "BPFI": self.elements * (1 + ratio) / 2,
            "BSF": self.pitch_mm / (2 * self.ball_mm) * (1 - ratio**2),
            "FTF": cage,
        }


MEANING = {
    "BPFO": "outer race",
    "BPFI": "inner race",
    "BSF": "rolling element",
    "FTF": "cage",
}

BEARINGS: dict[str, Bearing] = {
    bearing.name: bearing
    for bearing in (
        Bearing("6203-2RS", 8, 6.746, 28.50),
        Bearing("6205-2RS", 9, 7.940, 39.04),
        Bearing("6804RS", 13, 3.50, 25.60),
        Bearing("ER-12K", 8, 7.938, 33.48),
        Bearing("ER-16K", 9, 7.938, 38.51),
        Bearing("UER204", 8, 7.92, 34.55),
        Bearing("ZA-2115", 16, 8.407, 71.50, 15.17),
    )
}
"""Geometry as published with public test rigs: 6203-2RS and 6205-2RS Case Western Reserve bearing
data center; ER-12K and ER-16K SpectraQuest machinery fault simulator; UER204 XJTU-SY; ZA-2115
NASA IMS; 6804RS FEMTO Pronostia. Other bearings: give the geometry from the maker's sheet."""


@dataclass(frozen=True)
class FaultLine:
    """A fault's lines in the envelope: mean prominence (ln over floor) of its first harmonics."""

    kind: str
    order: float
    prominence: float
    band_hz: tuple[float, float]
    axis: str

    def __str__(self) -> str:
        low, high = self.band_hz
        return (
            f"{MEANING[self.kind]} ({self.kind} at {self.order:.2f} orders, "
            f"{math.exp(self.prominence):.1f} times its floor, {low:.0f}-{high:.0f} Hz, "
            f"axis {self.axis})"
        )


def find_bearing(name: str) -> Bearing:
    """A bearing of the table; raises ConfigError with the names there are."""
    if name not in BEARINGS:
        raise ConfigError(
            f"bearing {name!r} is not in the table",
            where="bearing",
            cure=f"take one of {', '.join(sorted(BEARINGS))}, or give its geometry",
        )
    return BEARINGS[name]


def fault_lines(recording: Recording, bearing: Bearing, harmonics: int = 3) -> list[FaultLine]:
    """The faults whose lines stand out, the strongest first; empty where none does.

    Each band and axis is searched, and the best of each fault is kept. A rolling element strikes
    both races, so its lines are looked for at 2 BSF. Raises InputError without the shaft's speed
    or with fewer than 20 turns.
    """
    spectra, bands = _order_spectra(recording, bearing, harmonics)
    found = []
    for kind, order in bearing.orders.items():
        line_order = 2 * order if kind == "BSF" else order
        heights = _prominence(spectra, line_order, harmonics)
        place = int(np.argmax(heights))
        band, axis = divmod(place, len(recording.axes))
        found.append(
            FaultLine(kind, order, float(heights[place]), bands[band], recording.axes[axis])
        )
    return sorted(
        (line for line in found if line.prominence >= MIN_PROMINENCE),
        key=lambda line: -line.prominence,
    )


def _order_spectra(
    recording: Recording, bearing: Bearing, harmonics: int
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """(bins, bands * axes) above their floor, BIN_ORDERS wide; and the bands."""
    rpm = recording.rpm
    turns = 0.0 if rpm is None else len(recording.signal) / recording.rate_hz * rpm / 60
    if rpm is None or turns < TURNS:
        raise InputError(
            f"{turns:.0f} turns of the shaft are known, {TURNS} are needed",
            where=recording.source or "recording",
            cure="give rpm, or record longer",
        )
    bands = _bands(recording.rate_hz)
    top = (harmonics + 0.5) * max(2 * bearing.orders["BSF"], bearing.orders["BPFI"])
    bins = int(top / BIN_ORDERS)
    view = EnvelopeView(
        bins=min(bins, 4096),
        bands_hz=bands,
        scale="orders",
        low=BIN_ORDERS,
        high=BIN_ORDERS * (bins + 1),
        whiten_bins=61,
    )
    return envelope(recording.signal.astype(np.float64), recording.rate_hz, view, rpm), bands


def _bands(rate_hz: float) -> list[tuple[float, float]]:
    """Five equal bands up to 0.49 of the rate, the lowest without the first per cent."""
    edges = np.linspace(0, 0.49 * rate_hz, 6)
    edges[0] = 0.01 * rate_hz
    pairs = itertools.pairwise(edges)
    return [(round(float(low), 1), round(float(high), 1)) for low, high in pairs]


def _prominence(spectra: np.ndarray, order: float, harmonics: int) -> np.ndarray:
    """Mean over harmonics of the highest bin within the slip: (bands * axes,)."""
    places = BIN_ORDERS * (np.arange(len(spectra)) + 1.5)
    heights = []
    for harmonic in range(1, harmonics + 1):
        reach = max(SLIP * order * harmonic / 2, BIN_ORDERS)
        near = np.abs(places - order * harmonic) <= reach
        heights.append(spectra[near].max(axis=0))
    return np.asarray(np.mean(heights, axis=0))
