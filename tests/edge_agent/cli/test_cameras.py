"""`lineside-agent cameras` and `sensors`: what is there, and the lines of station.toml."""

from __future__ import annotations

import json
import tomllib

import pytest

from edge_agent.__main__ import main
from edge_agent.capture import drivers
from edge_agent.capture.source import FoundDevice, SourceDriver
from edge_agent.capture.vibration.simulated import SimulatedSensor, SimulatedSensorTable
from edge_agent.cli.cameras import register
from edge_agent.contracts.core.registry import Registry

MOTOR = FoundDevice(
    "simulated", "Motor", "/dev/motor", ("3 axes",), {"driver": "simulated", "seed": 7}
)


class OneDriver(Registry[SourceDriver]):
    """A registry whose only driver found one motor."""

    def names(self) -> tuple[str, ...]:
        return ("simulated",)

    def find(self, name: str) -> SourceDriver:
        return SourceDriver(SimulatedSensorTable, SimulatedSensor, finds=lambda: [MOTOR])


@pytest.fixture
def _one_motor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drivers.REGISTRIES, "vibration", OneDriver("x", SourceDriver))
    monkeypatch.setitem(drivers.REGISTRIES, "tabular", OneDriver("x", SourceDriver))


@pytest.mark.usefixtures("_one_motor")
def test_a_device_is_shown_with_a_table_that_station_toml_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sensors"]) == 0
    shown = capsys.readouterr().out
    assert "/dev/motor  Motor  (driver simulated)" in shown
    toml = "\n".join(line for line in shown.split("\n")[:10] if line.startswith("    "))
    channel = tomllib.loads(toml)["channel"][0]
    assert channel["kind"] == "vibration"
    assert channel["source"] == {"driver": "simulated", "seed": 7}


@pytest.mark.usefixtures("_one_motor")
def test_a_channel_that_needs_a_bundle_is_shown_with_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["sensors"]) == 0
    shown = capsys.readouterr().out
    toml = "\n".join(line for line in shown.split("\n") if line.startswith("    "))
    bundles = {one["kind"]: one.get("bundle") for one in tomllib.loads(toml)["channel"]}
    assert bundles == {"vibration": None, "tabular": "tabular.bundle"}


@pytest.mark.usefixtures("_one_motor")
def test_json_is_one_object_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sensors", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["kind"], row["table"]["seed"]) for row in rows] == [
        ("vibration", 7),
        ("tabular", 7),
    ]


def test_an_unknown_driver_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cameras", "--driver", "v4l"]) == 2
    assert "did you mean 'v4l2'" in capsys.readouterr().err


def test_a_machine_without_cameras_ends_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["cameras", "--driver", "simulated"])
    assert (code, register.__module__) == (4, "edge_agent.cli.cameras")
    assert "nothing that can be used was found" in capsys.readouterr().out
