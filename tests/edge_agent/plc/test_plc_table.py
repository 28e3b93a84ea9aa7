"""[plc] in station.toml: who begins the parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.plc.driver import PLCS
from edge_agent.station.config import StationConfig, read_config
from tests.station_kit import write_station

SOURCE = 'driver = "folder"\npath = "frames"'
PLC = 'driver = "modbus"\nhost = "127.0.0.1"'


def read(folder: Path, line: str, plc: str = PLC, **tables: str) -> StationConfig:
    return read_config(write_station(folder, SOURCE, line=line, plc=plc, **tables))


@pytest.mark.parametrize("join", ["part_id", "trigger"])
def test_the_plc_is_the_trigger(tmp_path: Path, join: str) -> None:
    config = read(tmp_path, f'join = "{join}"')
    assert config.plc is not None
    assert config.plc.triggers


def test_a_plc_that_only_takes_results_goes_with_any_line(tmp_path: Path) -> None:
    config = read(tmp_path, "", f"{PLC}\ntriggers = false")
    assert config.plc is not None
    assert not config.plc.triggers


@pytest.mark.parametrize(
    ("line", "tables", "words"),
    [
        ("", {}, 'needs line.join = "trigger" or "part_id"'),
        ('join = "trigger"', {"trigger": 'driver = "simulated"'}, "both begin parts"),
        ('join = "part_id"\ndeadline_ms = 5000', {}, "must be longer than line.deadline_ms"),
    ],
    ids=["no join", "two triggers", "a part ends before its verdict"],
)
def test_parts_begin_at_one_place(
    tmp_path: Path, line: str, tables: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, line, **tables)


def test_every_protocol_has_a_table_named_after_its_file() -> None:
    for name, row in PLCS.rows().items():
        assert row.config.model_fields["driver"].annotation.__args__ == (name,)
