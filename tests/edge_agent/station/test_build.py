"""What a station's configuration says before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from edge_agent.station.build import different_bundles
from edge_agent.station.config import read_config

TABLES = """\
[station]
id = "s"
[[channel]]
name = "left"
kind = "image"
bundle = "caps.bundle"
[channel.source]
driver = "folder"
path = "."
[[channel]]
name = "right"
kind = "image"
bundle = "caps.bundle"
[channel.source]
driver = "folder"
path = "."
[[channel]]
name = "motor"
kind = "vibration"
[channel.source]
driver = "replay"
path = "."
[[recipe]]
job = "blue"
[recipe.bundle]
left = "blue.bundle"
right = "caps.bundle"
"""


def test_bundles_that_channels_and_recipes_share_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(TABLES)
    assert different_bundles(read_config(path)) == 2


def test_a_bundle_in_another_runtime_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(TABLES.replace('name = "right"\n', 'name = "right"\nthreads = 2\n'))
    assert different_bundles(read_config(path)) == 3
