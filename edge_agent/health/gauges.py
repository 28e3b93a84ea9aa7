"""What an integrator turns the lens and the lamp by: sharpness and exposure of a picture.

Sharpness is the variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in brightfield
microscopy", ICPR 2000): it has no unit, and is compared with the best that a scene has shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image

WIDEST_PX = 640
"""A wider picture is made smaller first: the gauge must follow the hand."""
BLACK, WHITE = 5, 250
"""Grey levels that say nothing any more."""
MOST_BLACK, MOST_WHITE = 0.5, 0.02
DARK, BRIGHT = 40.0, 215.0
"""Mean grey levels between which a picture is well exposed."""

Exposure = Literal["good", "dark", "bright"]


@dataclass(frozen=True)
class Gauges:
    """sharpness: of the Laplacian; light: mean grey level, 0-255; black, white: share of pixels."""

    sharpness: float
    light: float
    black: float
    white: float

    @property
    def exposure(self) -> Exposure:
        """Whether there is too little or too much light."""
        if self.white > MOST_WHITE or self.light > BRIGHT:
            return "bright"
        return "dark" if self.black > MOST_BLACK or self.light < DARK else "good"


def gauge(image: Image) -> Gauges:
    """The gauges of a picture."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    width = grey.shape[1]
    if width > WIDEST_PX:
        size = (WIDEST_PX, max(1, round(grey.shape[0] * WIDEST_PX / width)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return Gauges(
        float(cv2.Laplacian(grey, cv2.CV_32F).var()),
        float(grey.mean()),
        float(np.mean(grey <= BLACK)),
        float(np.mean(grey >= WHITE)),
    )
