"""The verb `update`, from a new bundle to a promotion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.update.slots import status
from tests.signing_kit import open_workshop

Shown = pytest.CaptureFixture[str]


def test_a_bundle_waits_for_a_person_and_is_promoted(tmp_path: Path, capsys: Shown) -> None:
    workshop, root = open_workshop(tmp_path / "workshop"), tmp_path / "station"
    first, second = workshop.signed("1.0.0"), workshop.signed("1.1.0")
    where = ["--root", str(root)]
    assert main(["update", "start", str(first), *where]) == 1
    assert "no such station folder: check the path" in capsys.readouterr().err
    assert not root.exists()
    words = ["slots", "install", str(first), *where, "--trust", str(workshop.public)]
    assert main(words) == 0
    assert main(["update", "start", str(second), "--ask", *where]) == 0
    assert (
        "brightness 1.1.0: canary: waits for `lineside-agent update promote`"
        in capsys.readouterr().out
    )
    assert status(root)[0].version == "1.0.0"
    assert main(["update", "promote", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    assert status(root)[0].version == "1.1.0"
    assert main(["update", "resume", *where]) == 0
    assert main(["update", "abort", *where]) == 1
    assert "nothing to abort: to go back: lineside-agent slots rollback" in capsys.readouterr().err
    for wrong in ("-1", "nan", "1e9"):
        with pytest.raises(SystemExit, match="2"):
            main(["update", "start", str(second), f"--probation={wrong}", *where])
        assert f"{wrong} is not between 0 and 86400" in capsys.readouterr().err
    assert main(["update", "start", str(first), *where]) == 1
    assert "brightness-1.0.0.bundle: refused: " in capsys.readouterr().out
    assert status(root)[0].version == "1.1.0"


@pytest.mark.parametrize(
    "words",
    [
        ["slots", "key"],
        ["slots", "status"],
        ["slots", "rollback", "caps"],
        ["update", "status"],
        ["update", "resume"],
        ["update", "quarantine"],
        ["self-update", "status"],
        ["self-update", "resume"],
        ["self-update", "quarantine"],
        ["updater", "rauc", "slot-install"],
    ],
    ids=" ".join,
)
def test_a_mistyped_station_folder_is_named_and_not_made(
    words: list[str], tmp_path: Path, capsys: Shown
) -> None:
    root = tmp_path / "typo"
    assert main([*words, "--root", str(root)]) == 1
    assert f"{root}: no such station folder: check the path" in capsys.readouterr().err
    assert not root.exists()


@pytest.mark.parametrize("source", ["http://127.0.0.1:9/releases", "stick"])
def test_releases_that_are_out_of_reach_end_as_a_device_that_is_absent(
    source: str, tmp_path: Path, capsys: Shown
) -> None:
    workshop, root = open_workshop(tmp_path / "workshop"), tmp_path / "station"
    where = ["--root", str(root)]
    first = workshop.signed("1.0.0")
    assert main(["slots", "install", str(first), *where, "--trust", str(workshop.public)]) == 0
    place = source if "://" in source else str(tmp_path / source)
    assert main(["update", "start", "brightness", "--from", place, *where]) == 4
    assert main(["self-update", "start", "--from", place, *where]) == 4
    assert capsys.readouterr().err.count("cannot be reached") == 2


def test_the_state_dir_of_station_toml_is_watched_and_what_failed_is_named_and_freed(
    tmp_path: Path, capsys: Shown
) -> None:
    workshop, root = open_workshop(tmp_path / "workshop"), tmp_path / "station"
    first, second = workshop.signed("1.0.0"), workshop.signed("1.1.0")
    where = ["--root", str(root)]
    assert main(["slots", "install", str(first), *where, "--trust", str(workshop.public)]) == 0
    (root / "station.toml").write_text('[station]\nid = "p1"\nstate_dir = "elsewhere"\n')
    (root / "elsewhere").mkdir()
    (root / "state").mkdir()
    say(root / "elsewhere", "armed", "brightness 1.1.0")
    say(root / "state", "disarmed", "brightness 1.0.0")
    assert main(["update", "quarantine", *where]) == 0
    assert "no candidate is in quarantine" in capsys.readouterr().out
    assert main(["update", "start", str(second), *where, "--probation", "0.1", "--ask"]) == 0
    assert main(["update", "promote", *where]) == 0
    assert "brightness 1.1.0: done" in capsys.readouterr().out
    third = workshop.signed("1.2.0")
    assert main(["update", "start", str(third), *where, "--ask"]) == 0
    assert main(["update", "abort", *where, "--reason", "wrong lot"]) == 0
    capsys.readouterr()
    assert main(["update", "quarantine", *where]) == 0
    digest, title, when, reason = capsys.readouterr().out.strip().split("  ")
    assert (title, reason) == ("brightness 1.2.0", "wrong lot")
    assert when.endswith(" UTC")
    assert main(["update", "start", str(third), *where]) == 1
    assert f"update free {digest} --root {root}" in capsys.readouterr().err
    assert main(["update", "free", digest, *where]) == 0
    assert "brightness 1.2.0: may be tried again" in capsys.readouterr().out
    assert main(["update", "start", str(third), *where]) == 0


def say(state_dir: Path, state: str, bundle: str) -> None:
    """The station's own word in state.json."""
    message = StateMessage(
        station="p1", at_ns=1, state=state, reason="", bundles={"camera": bundle}
    )
    (state_dir / "state.json").write_text(message.model_dump_json())
