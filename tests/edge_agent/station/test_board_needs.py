"""What doctor looks for, found in the tables of station.toml."""

from __future__ import annotations

from pathlib import Path

from edge_agent.station.board_needs import needs_of, runtime_distributions, state_folder
from edge_agent.station.config import read_config

STATION = """
[station]
id = "s1"
[line]
join = "trigger"
[outbox]
quota_mb = 100
[trigger]
driver = "gpio"
line = 17
[plc]
driver = "modbus_server"
listen = "0.0.0.0"
triggers = false
[web]
enabled = true
port = 8090
[[adapter]]
driver = "prometheus"
[[output]]
driver = "modbus"
serial = "/dev/ttyUSB7"
address = 1
[[channel]]
name = "top"
kind = "image"
bundle = "top.bundle"
[channel.source]
driver = "v4l2"
device = 2
width_px = 640
height_px = 480
[[channel]]
name = "motor"
kind = "vibration"
[channel.source]
driver = "adxl345"
device = "/dev/spidev0.0"
"""


def test_nodes_libraries_ports_and_folders_of_every_table(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(STATION)
    assert [folder.name for folder in needs_of(read_config(path)).folders] == ["state folder"]
    (tmp_path / "state" / "evidence").mkdir(parents=True)
    needs = needs_of(read_config(path))
    nodes = {"/dev/video2", "/dev/spidev0.0", "/dev/gpiochip0", "/dev/ttyUSB7"}
    assert set(needs.device_nodes) == nodes
    extras = {library.extra for library in needs.libraries}
    assert extras == {"gpio", "modbus", "prometheus", "web"}
    assert set(needs.ports) == {502, 8090, 9925}
    state, evidence = needs.folders
    assert (state.path, evidence.path) == (tmp_path / "state", tmp_path / "state" / "evidence")
    assert state == state_folder(read_config(path))
    assert state.needed_mb > 100


def test_without_a_station_the_runtime_alone_is_needed() -> None:
    needs = needs_of(None)
    asked = (needs.folders, needs.device_nodes, needs.libraries, needs.ports)
    assert asked == ((), (), (), ())
    assert needs.runtimes == runtime_distributions()
    assert "ai-edge-litert" in needs.runtimes
    assert all(path.is_file() for path in needs.native)
