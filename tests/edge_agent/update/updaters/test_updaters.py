"""The registry of updaters: one file each, light to look at."""

from __future__ import annotations

import argparse
import subprocess
import sys

from edge_agent.update.updater import UPDATERS, Updater
from edge_agent.update.updaters import hawkbit, mender, rauc


def test_every_file_is_an_updater_with_options() -> None:
    rows = {"hawkbit": hawkbit.UPDATER, "mender": mender.UPDATER, "rauc": rauc.UPDATER}
    assert UPDATERS.rows() == rows
    for row in rows.values():
        assert isinstance(row, Updater)
        parser = argparse.ArgumentParser()
        row.add_options(parser)
        assert len(parser._actions) > 1


def test_looking_at_the_updaters_loads_no_machine() -> None:
    text = "import sys; from edge_agent.update.updater import UPDATERS as found"
    text += "; found.rows(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True
    )
    assert not {"urllib3", "tuf", "edge_agent.update.machine"} & set(loaded.stdout.split())
