"""What `bench` measured on a target, in parts of what the cost table predicts for it.

A JSON object, target -> Calibration, in the user's folder or where LINESIDE_COSTS names a file. One
measured network scales the whole row: the kinds of work keep their proportions, so the row's own
error stays.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.json_text import load_json_object
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.target_cost import TARGET_COSTS, TargetCost, find_cost

NAMED_BY = "LINESIDE_COSTS"
MOST_TIMES = 30.0
"""A ratio beyond this, either way, is another machine or a busy one, and no calibration."""


class Calibration(Strict):
    """One measurement: median milliseconds on one thread, what was predicted, of which model file
    on which machine.
    """

    measured_ms: float = Field(gt=0, allow_inf_nan=False)
    predicted_ms: float = Field(gt=0, allow_inf_nan=False)
    model: str
    machine: str

    @property
    def ratio(self) -> float:
        """By how much runs are longer than predicted."""
        return self.measured_ms / self.predicted_ms

    def sentence(self) -> str:
        """For people."""
        return f"times {self.ratio:.2f} by bench of {self.model} on {self.machine}"


def costs_file() -> Path:
    """Where calibrations are kept."""
    if named := os.environ.get(NAMED_BY):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "lineside" / "costs.json"


def read_calibrations(path: Path) -> dict[str, Calibration]:
    """Target -> its calibration; empty where there is no file. Raises ConfigError for a damaged
    one, which says how to do without.
    """
    try:
        if not path.exists():
            return {}
        rows = load_json_object(path.read_bytes())
        found = {name: Calibration.model_validate(row) for name, row in rows.items()}
    except (OSError, ValueError, ValidationError) as error:
        raise _damaged(path, "is no table of measured costs") from error
    for name, row in found.items():
        if name not in TARGET_COSTS or not 1 / MOST_TIMES <= row.ratio <= MOST_TIMES:
            raise _damaged(path, f"has a row {name!r} that no bench wrote")
    return found


def save_calibration(path: Path, target: str, row: Calibration) -> None:
    """Keep `row` as that of the target; raises ConfigError where its ratio is beyond MOST_TIMES."""
    find_cost(target)
    if not 1 / MOST_TIMES <= row.ratio <= MOST_TIMES:
        raise ConfigError(
            f"{row.measured_ms:.3g} ms is {row.ratio:.3g} times the {row.predicted_ms:.3g} ms "
            f"predicted for {target}",
            where="--calibrate",
            cure="measure a larger network, on a quiet machine, and name that machine's target",
        )
    rows = {**read_calibrations(path), target: row}
    text = json.dumps({name: one.model_dump() for name, one in sorted(rows.items())}, indent=1)
    write_atomic(path, text.encode())


def station_cost(target: str) -> TargetCost:
    """The target's row, scaled by its calibration where there is one; `source` then says so."""
    cost = find_cost(target)
    row = read_calibrations(costs_file()).get(target)
    if row is None:
        return cost
    scaled = cost.slower(
        int8=row.ratio,
        real=row.ratio,
        budget_ms=cost.budget_ms,
        within=cost.within,
        source=f"{row.sentence()}; the row itself: {cost.source}",
    )
    return replace(scaled, calibrated=row.sentence())


def _damaged(path: Path, what: str) -> ConfigError:
    cure = "measure again with lineside-quantize bench --calibrate after you deleted it"
    return ConfigError(what, where=str(path), cure=cure)
