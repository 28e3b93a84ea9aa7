"""The tables of parts become the rules that the tracker follows."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.decide.matching import CODES, Window
from edge_agent.decide.open_parts import OpenParts
from edge_agent.decide.triggered_parts import TriggeredParts
from edge_agent.station.config import read_config
from edge_agent.station.line_table import LineTable
from edge_agent.station.part_rules import PartRules, build_parts, match_rule, no_doubt, part_rules

MS = 1_000_000
BELT = Path(__file__).parents[3] / "docs" / "belt.toml"


def test_station_of_the_belt_matches_by_its_own_times() -> None:
    config = read_config(BELT)
    rules = part_rules(config, no_doubt)
    rule = match_rule({"top": "parts 1"}, config.line, rules)
    assert rule.windows == {"top": Window(0, 60 * MS)}
    assert CODES not in rule.windows
    assert rule.settled_ns == 160 * MS
    assert (rules.optional, rules.doubt(0)) == (frozenset(), "")


def test_join_chooses_what_collects_the_parts() -> None:
    clock = ManualClock()
    collectors = {"none": OpenParts, "part_id": OpenParts, "trigger": TriggeredParts}
    for join, collector in collectors.items():
        table = LineTable.model_validate({"join": join})
        assert isinstance(build_parts({"top": "b 1"}, table, PartRules(), clock), collector)
