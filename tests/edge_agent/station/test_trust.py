"""Only bundles signed by a trusted key are armed."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from edge_agent.station.timing import Timing
from edge_agent.update.folder import Folder
from tests.signing_kit import Workshop, open_workshop
from tests.station_kit import wait_until, write_frames

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    write_frames(tmp_path / "frames", 4)
    return open_workshop(tmp_path / "workshop")


def write(folder: Path, bundle: Path) -> str:
    path = folder / "station.toml"
    path.write_text(
        '[station]\nid = "a"\n[line]\ndeadline_ms = 10000\n[trust]\nroot = "root"\n'
        '[[channel]]\nname = "top"\n'
        f'kind = "image"\nbundle = "{bundle}"\n'
        '[channel.source]\ndriver = "folder"\npath = "frames"\n'
    )
    return str(path)


def install(folder: Path, workshop: Workshop, bundle: Path) -> Path:
    words = ["slots", "install", str(bundle), "--root", str(folder / "root")]
    assert main([*words, "--trust", str(workshop.public)]) == 0
    return folder / "root" / "bundles" / "brightness"


def test_installed_bundle_is_armed_and_judges(
    tmp_path: Path, workshop: Workshop, capsys: Shown
) -> None:
    slot = install(tmp_path, workshop, workshop.signed())
    station = write(tmp_path, slot)
    assert main(["run", station, "--no-wait"]) == 0
    assert "4 parts: 3 PASS, 1 FAIL" in capsys.readouterr().err
    main(["check", station, "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0]["detail"] == "brightness 1.0.0, signed"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda own, folder: own.unsigned("1.0.1"), "not signed"),
        (
            lambda own, folder: open_workshop(folder / "other").signed("1.0.1"),
            "not signed by a key that this station trusts",
        ),
    ],
    ids=["unsigned", "stranger"],
)
def test_untrusted_bundle_is_not_armed(
    tmp_path: Path,
    workshop: Workshop,
    make: object,
    words: str,
    capsys: Shown,
) -> None:
    install(tmp_path, workshop, workshop.signed())
    capsys.readouterr()
    bundle = make(workshop, tmp_path)  # type: ignore[operator]
    station = write(tmp_path, bundle)
    assert main(["run", station, "--no-wait"]) == 1
    assert words in capsys.readouterr().err


def test_slot_folder_without_a_bundle_says_what_to_do(
    tmp_path: Path, workshop: Workshop, capsys: Shown
) -> None:
    (tmp_path / "root" / "bundles" / "brightness").mkdir(parents=True)
    station = write(tmp_path, tmp_path / "root" / "bundles" / "brightness")
    assert main(["run", station, "--no-wait"]) == 1
    said = capsys.readouterr().err
    assert "no bundle is installed there" in said
    assert "lineside-deploy push" in said


def test_running_station_takes_up_what_is_installed_and_refuses_what_is_not_trusted(
    tmp_path: Path, workshop: Workshop
) -> None:
    slot = install(tmp_path, workshop, workshop.signed())
    toml = Path(write(tmp_path, slot))
    toml.write_text(f'{toml.read_text()}rate_hz = 10\nat_end = "repeat"\n')
    decisions: list[Decision] = []
    stop = threading.Event()
    station = Station(
        read_config(toml),
        clock=SystemClock(),
        output=decisions.append,
        timing=Timing(look_s=0.05, retry_s=(0.05,)),
    )
    line = threading.Thread(target=station.run, args=[stop])
    line.start()

    def judged_by(title: str) -> bool:
        return bool(decisions) and decisions[-1].channels[0].bundle == title

    try:
        assert wait_until(lambda: judged_by("brightness 1.0.0"))
        install(tmp_path, workshop, workshop.signed("1.1.0"))
        assert wait_until(lambda: judged_by("brightness 1.1.0"))
        assert wait_until(lambda: (station.state, station.reason) == ("armed", ""))
        stranger = slot / "slots" / "0" / "brightness.bundle"
        stranger.parent.mkdir()
        open_workshop(tmp_path / "other").signed("1.2.0").rename(stranger)
        with Folder.open(slot) as folder:
            folder.switch_link("current", "slots/0")
        assert wait_until(lambda: "not signed by a key that this station trusts" in station.reason)
        assert station.reason.startswith("top goes on with brightness 1.1.0")
        parts = len(decisions)
        assert wait_until(lambda: len(decisions) > parts + 3)
        assert judged_by("brightness 1.1.0")
        install(tmp_path, workshop, workshop.signed("1.3.0"))
        assert wait_until(lambda: judged_by("brightness 1.3.0") and not station.reason)
    finally:
        stop.set()
        line.join(20)
    assert not station.counts.faults
