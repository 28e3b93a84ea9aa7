"""How an outcome depends on process settings, and the settings that are proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Dependence:
    """The outcome along one setting: grid, mean and 95 % band, each (GRID,)."""

    setting: str
    grid: Numbers
    mean: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True)
class Proposal:
    """Settings with what the pricing half expects of them; gain is positive where it is better."""

    settings: Mapping[str, float]
    now: float
    then: float
    gain: float
    gain_ci95: tuple[float, float]


@dataclass(frozen=True)
class Optimum:
    """What `optimise` found. proposal is None, and `why` says so, where the data give none."""

    outcome: str
    skill: float
    skill_name: str
    rows: int
    dependences: list[Dependence]
    proposal: Proposal | None
    why: str
    notes: list[str]
