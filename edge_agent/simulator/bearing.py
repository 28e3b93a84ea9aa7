"""Rolling bearings: geometry, and the rates at which a defect is struck.

Formulas (1)-(4) of R. B. Randall, J. Antoni, "Rolling element bearing diagnostics - a tutorial",
Mechanical Systems and Signal Processing 25 (2011) 485-520, for a fixed outer race.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians


@dataclass(frozen=True)
class Bearing:
    """Geometry of a bearing: number of rolling elements, their and the pitch circle's diameter."""

    name: str
    elements: int
    element_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    @property
    def ratio(self) -> float:
        """d/D cos(contact angle)."""
        return self.element_mm / self.pitch_mm * cos(radians(self.contact_deg))

    def bpfo_hz(self, shaft_hz: float) -> float:
        """Ball-pass frequency of the outer race."""
        return self.elements * shaft_hz / 2 * (1 - self.ratio)

    def bpfi_hz(self, shaft_hz: float) -> float:
        """Ball-pass frequency of the inner race."""
        return self.elements * shaft_hz / 2 * (1 + self.ratio)

    def ftf_hz(self, shaft_hz: float) -> float:
        """Fundamental train (cage) frequency."""
        return shaft_hz / 2 * (1 - self.ratio)

    def bsf_hz(self, shaft_hz: float) -> float:
        """Ball spin frequency; a defect on a ball strikes a race twice in each turn."""
        return self.pitch_mm * shaft_hz / (2 * self.element_mm) * (1 - self.ratio**2)


CATALOGUE = (
    Bearing("6203", 8, 6.747, 28.5),
    Bearing("6204", 8, 7.938, 33.5),
    Bearing("6205", 9, 7.940, 39.04),
    Bearing("6206", 9, 9.525, 46.0),
    Bearing("6305", 8, 10.319, 43.5),
)
"""Deep-groove bearings as motors carry them; 6203 and 6205 as measured by the CWRU Bearing Data
Center (SKF 6203-2RS, 6205-2RS), the others with the usual dimensions of their size."""
