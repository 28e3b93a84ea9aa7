"""The quick version of the flash benchmark, with every row."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from benchmarks.brokers import find_mosquitto
from benchmarks.deploy import main


def test_quick_run_writes_to_no_wrong_device_and_stays_small(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if os.geteuid() != 0 or shutil.which("losetup") is None:
        pytest.skip("NOT TESTED: loop devices need root")
    if subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: no loop devices here")
    assert main(["--quick", "--only", "flash"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["flash: wrong devices written to"]["value"] == 0
    assert rows["flash: resident memory"]["value"] < 64


def test_a_bad_release_touches_one_station_of_the_simulated_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--quick", "--only", "rollout"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["rollout: touched by a bad release, of 20"]["value"] == 1
    assert rows["rollout: not back from a bad release"]["value"] == 0
    assert rows["rollout: without a good release"]["value"] == 0


@pytest.mark.slow
def test_a_bad_release_over_a_broker_touches_the_first_group_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if find_mosquitto() is None:
        pytest.skip("NOT TESTED: mosquitto is not installed")
    assert main(["--quick", "--only", "mqtt"]) == 0
    rows = {row["name"]: row["value"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["rollout: touched by a bad release over MQTT, of 20"] == 10
    assert rows["rollout: not back over MQTT, of 20"] == 0
    assert rows["rollout: without a good release over MQTT, of 20"] == 0
    assert rows["rollout: unanswered over MQTT, of 500"] == 0
