"""Jobs by number, as a PLC asks for them."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.plc.jobs import JobState
from edge_agent.plc.reasons import JobAnswer
from edge_agent.station.change_over import ChangeOver
from edge_agent.station.part_tables import RecipeTable
from edge_agent.station.plc_jobs import PlcJobs


def test_a_number_is_the_recipe_of_that_name_and_an_unknown_one_is_told() -> None:
    recipes = [RecipeTable(job=name, bundle={"top": Path("a.bundle")}) for name in ("5", "lids")]
    change_over = ChangeOver(
        recipes, clock=ManualClock(), load=lambda *_: None, take_installed=lambda _: None
    )
    jobs = PlcJobs(change_over, change_over.select)
    assert jobs.state() == JobState(0, JobAnswer.NONE)
    jobs.request(5)
    assert jobs.state() == JobState(5, JobAnswer.TAKEN)
    jobs.request(6)
    assert jobs.state() == JobState(5, JobAnswer.UNKNOWN)
    assert change_over.doubt(1)
    jobs.request(0)
    assert jobs.state() == JobState(0, JobAnswer.TAKEN)
    assert change_over.select("lids") == ""
    assert jobs.state().active == 0
