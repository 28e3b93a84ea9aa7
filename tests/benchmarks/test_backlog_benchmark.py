"""The benchmark of a broker that was away runs and says what it must."""

from __future__ import annotations

import json
import shutil

import pytest

from benchmarks.backlog import main
from benchmarks.brokers import find_mosquitto


@pytest.mark.slow
def test_nothing_is_lost_and_alarms_do_not_wait(capsys: pytest.CaptureFixture[str]) -> None:
    if find_mosquitto() is None or shutil.which("mosquitto_sub") is None:
        pytest.skip("not installed: apt install mosquitto mosquitto-clients")
    main(["--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["verdicts of 72 h that came, of those that were given"]["value"] == 1
    assert rows["live alarm while draining, longest"]["value"] <= 2
