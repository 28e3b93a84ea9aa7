"""Plans one service for each machine from its remaining life, around jobs with due dates.

    python maintenance_windows.py plant.json

plant.json: rows of the view equipment_property with the hours of a service, and jobs. Hours count
from now. The plan is JSON on stdout. It needs OR-Tools (Apache-2.0): pip install ortools
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ortools.sat.python import cp_model

LIMIT_S = 20.0
SEED = 1


@dataclass(frozen=True)
class Machine:
    """value, value_low, value_high: remaining life in hours; None: no end in sight."""

    equipment_id: str
    value: float | None
    value_low: float | None
    value_high: float | None
    service_h: int


@dataclass(frozen=True)
class Job:
    """Work of `hours` on one machine, wanted by `due_h`."""

    job: str
    equipment_id: str
    hours: int
    due_h: int


@dataclass(frozen=True)
class Service:
    """given_away_h: life left at the service if `value` is right; None where no end is in sight."""

    equipment_id: str
    begin_h: int
    end_h: int
    latest_h: int
    given_away_h: float | None


@dataclass(frozen=True)
class Plan:
    """stop_now: machines whose life may end before a service can begin. late_h: of all jobs."""

    services: list[Service]
    jobs: dict[str, tuple[int, int]]
    late_h: int
    stop_now: list[str]
    is_optimal: bool


def plan(machines: list[Machine], jobs: list[Job], horizon_h: int) -> Plan:
    """The plan with the least lateness; among those, the one with the latest services.

    A service begins before the low end of the machine's life, for the middle is a coin's toss. One
    crew does all services. Raises ValueError where the jobs do not fit into the horizon.
    """
    model = cp_model.CpModel()
    stop_now = [one.equipment_id for one in machines if _latest(one, horizon_h) < 0]
    planned = [one for one in machines if one.equipment_id not in stop_now]
    begins, crew, busy = {}, [], {one.equipment_id: [] for one in machines}
    for one in planned:
        begin = model.new_int_var(0, _latest(one, horizon_h), f"service {one.equipment_id}")
        interval = model.new_fixed_size_interval_var(begin, one.service_h, one.equipment_id)
        begins[one.equipment_id] = begin
        crew.append(interval)
        busy[one.equipment_id].append(interval)
    starts, late = {}, []
    for job in jobs:
        if job.equipment_id in stop_now:
            continue
        start = model.new_int_var(0, max(0, horizon_h - job.hours), f"job {job.job}")
        lateness = model.new_int_var(0, horizon_h, f"late {job.job}")
        model.add(lateness >= start + job.hours - job.due_h)
        busy[job.equipment_id].append(model.new_fixed_size_interval_var(start, job.hours, job.job))
        starts[job.job] = start
        late.append(lateness)
    for intervals in (crew, *busy.values()):
        model.add_no_overlap(intervals)
    model.maximize(sum(begins.values()) - horizon_h * (len(machines) + 1) * sum(late))
    return _solved(model, planned, jobs, begins, starts, late, stop_now, horizon_h)


def _latest(machine: Machine, horizon_h: int) -> int:
    """The last hour in which the service may begin; -1: the life may be over now."""
    if machine.value_low is None:
        return horizon_h - machine.service_h
    if machine.value_low < 1:
        return -1
    return min(int(machine.value_low), horizon_h - machine.service_h)


def _solved(
    model: cp_model.CpModel,
    machines: list[Machine],
    jobs: list[Job],
    begins: dict[str, Any],
    starts: dict[str, Any],
    late: list[Any],
    stop_now: list[str],
    horizon_h: int,
) -> Plan:
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = LIMIT_S
    solver.parameters.random_seed = SEED
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise ValueError(f"no plan fits into {horizon_h} h: lengthen the horizon, or drop a job")
    services = []
    for one in machines:
        begin = solver.value(begins[one.equipment_id])
        left = None if one.value is None else one.value - begin
        latest = _latest(one, horizon_h)
        services.append(Service(one.equipment_id, begin, begin + one.service_h, latest, left))
    hours = {job.job: job.hours for job in jobs}
    spans = {name: (solver.value(v), solver.value(v) + hours[name]) for name, v in starts.items()}
    late_h = sum(solver.value(one) for one in late)
    return Plan(services, spans, late_h, stop_now, status == cp_model.OPTIMAL)


def main() -> None:
    """Read plant.json, print the plan."""
    document = json.loads(Path(sys.argv[1]).read_text())
    machines = [Machine(**row) for row in document["machines"]]
    jobs = [Job(**row) for row in document["jobs"]]
    print(json.dumps(asdict(plan(machines, jobs, document["horizon_h"])), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
