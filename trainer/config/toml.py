"""The names by which the models know the strict tables of the contracts."""

from __future__ import annotations

from edge_agent.contracts.core.strict import Strict as StrictTable
from edge_agent.contracts.core.suggestion import did_you_mean

__all__ = ["StrictTable", "did_you_mean"]
