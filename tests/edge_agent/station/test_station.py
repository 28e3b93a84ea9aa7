"""The station as a whole, without a broker: arming, deciding, ending."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import Clock, SystemClock
from edge_agent.contracts.core.errors import (
    BrokerError,
    BundleError,
    ConfigError,
    InputError,
    LinesideError,
)
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.decide.memory import ChannelMemory
from edge_agent.station.build import ArmedChannel, arm_channel
from edge_agent.station.config import Channel, StationConfig, read_config
from edge_agent.station.station import Station
from edge_agent.station.timing import Timing
from tests.station_kit import (
    wait_until,
    write_frame,
    write_frames,
    write_image_bundle,
    write_process_bundle,
    write_station,
)

FOLDER = 'driver = "folder"\npath = "frames"'


def decide(station_toml: Path) -> tuple[Station, list[Decision]]:
    """Run a station until its sources end."""
    decisions: list[Decision] = []
    station = Station(
        read_config(station_toml),
        clock=SystemClock(),
        output=decisions.append,
        keep_trying=False,
    )
    station.run(threading.Event())
    return station, decisions


def test_every_frame_becomes_a_part_with_its_verdict(bench: Path) -> None:
    station, decisions = decide(write_station(bench, FOLDER))
    assert [d.part_id for d in decisions] == [f"part{k:04d}.png" for k in range(12)]
    wanted = [Verdict.FAIL if k % 4 == 3 else Verdict.PASS for k in range(12)]
    assert [d.verdict for d in decisions] == wanted
    assert decisions[3].reason == "top: dark"
    assert decisions[3].action == "reject"
    assert station.counts.parts == 12


class States:
    """A listener that remembers the last message of each state."""

    def __init__(self) -> None:
        self.states: dict[str, StateMessage] = {}

    def publish(self, message: Outbound) -> None:
        if isinstance(message, StateMessage):
            self.states[message.state] = message


def test_an_armed_station_says_which_runtime_judges(bench: Path) -> None:
    told = States()
    config = read_config(write_station(bench, FOLDER))
    channel = config.channel[0].model_copy(update={"runtime": "litert"})
    station = Station(
        config.model_copy(update={"channel": [channel]}),
        clock=SystemClock(),
        listeners=[told],
        keep_trying=False,
    )
    station.run(threading.Event())
    runtime = told.states["armed"].runtimes["top"]
    assert (runtime.name, runtime.measured) == ("litert", [])


def test_unreadable_file_takes_the_safe_action(bench: Path) -> None:
    (bench / "frames" / "part0001.png").write_bytes(b"")
    station = write_station(bench, FOLDER, station='safe_action = "stop"')
    _, decisions = decide(station)
    assert decisions[1].verdict == Verdict.NO_VERDICT
    assert decisions[1].action == "stop"
    assert "the file is empty" in decisions[1].reason
    assert len(decisions) == 12


def test_frozen_camera_has_no_verdict(bench: Path) -> None:
    for k in range(2):
        write_frame(bench / "frames" / f"z{k}.png", 200, seed=7)
    _, decisions = decide(write_station(bench, FOLDER))
    assert decisions[-1].verdict == Verdict.NO_VERDICT
    assert "frozen camera" in decisions[-1].reason
    assert decisions[-2].verdict == Verdict.PASS


def test_channels_are_joined_by_part_id_and_a_missing_one_is_no_verdict(bench: Path) -> None:
    write_frames(bench / "side", 8)
    station = write_station(bench, FOLDER, line='join = "part_id"\ndeadline_ms = 300')
    station.write_text(
        station.read_text() + '[[channel]]\nname = "side"\nkind = "image"\n'
        'bundle = "brightness.bundle"\n[channel.source]\ndriver = "folder"\npath = "side"\n'
    )
    _, decisions = decide(station)
    by_part = {d.part_id: d for d in decisions}
    assert len(decisions) == len(by_part) == 12
    assert all(len(d.channels) == 2 for d in decisions)
    assert by_part["part0000.png"].verdict == Verdict.PASS
    assert by_part["part0011.png"].verdict == Verdict.FAIL, "one bad channel is enough"
    lonely = by_part["part0008.png"]
    assert lonely.verdict == Verdict.NO_VERDICT
    assert lonely.reason.startswith("side: no verdict")


def test_vibration_and_nan(bench: Path) -> None:
    quiet = "x\n" + "0.1\n-0.1\n" * 64
    runs = bench / "runs"
    runs.mkdir()
    (runs / "a.csv").write_text(quiet)
    (runs / "b.csv").write_text("x\n" + "3\n-3\n" * 64)
    (runs / "c.csv").write_text(quiet.replace("-0.1", "nan", 1))
    station = bench / "station.toml"
    station.write_text(
        '[station]\nid = "test"\n[trust]\nallow_unsigned = true\n[[channel]]\nname = "motor"\n'
        'kind = "vibration"\nbundle = "loudness.bundle"\n[channel.source]\ndriver = "replay"\n'
        'path = "runs"\nsample_rate_hz = 1000\n'
    )
    _, decisions = decide(station)
    assert [d.verdict for d in decisions] == [Verdict.PASS, Verdict.FAIL, Verdict.NO_VERDICT]
    assert "sample 1 is not a number" in decisions[2].reason
    assert "check the sensor and its cable" in decisions[2].reason


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "image"', 'kind = "vibration"', "judges image, the channel is vibration"),
        ("allow_unsigned = true", "allow_unsigned = false", "no trusted root is named"),
        ("brightness.bundle", "gone.bundle", "gone.bundle: cannot be read"),
    ],
    ids=["kind", "trust", "missing"],
)
def test_station_that_cannot_arm_says_why(bench: Path, old: str, new: str, words: str) -> None:
    path = write_station(bench, FOLDER)
    text = path.read_text().replace(old, new)
    if "vibration" in new:
        text = text.replace('driver = "folder"', 'driver = "csv"')
    path.write_text(text)
    station = Station(read_config(path), clock=SystemClock(), keep_trying=False)
    with pytest.raises(LinesideError, match=words):
        station.run(threading.Event())
    assert station.state == "stopping"
    assert words in station.reason


def test_unit_that_is_not_the_bundles_is_refused(bench: Path) -> None:
    station = bench / "station.toml"
    station.write_text(
        '[station]\nid = "test"\n[trust]\nallow_unsigned = true\n[[channel]]\nname = "motor"\n'
        'kind = "vibration"\nbundle = "loudness.bundle"\n[channel.source]\ndriver = "replay"\n'
        'path = "runs"\nunit = "m/s2"\n'
    )
    with pytest.raises(ConfigError, match="the source is in 'm/s2', the bundle takes 'g'"):
        decide(station)


def test_bundle_that_computes_something_else_here_is_not_armed(bench: Path) -> None:
    write_image_bundle(bench / "brightness.bundle", score_off=0.25)
    with pytest.raises(BundleError, match="in the workshop"):
        decide(write_station(bench, FOLDER))


def test_disarmed_station_arms_when_the_fault_is_mended(bench: Path) -> None:
    write_image_bundle(bench / "brightness.bundle", score_off=0.25)
    config = read_config(write_station(bench, FOLDER))
    station = Station(config, clock=SystemClock(), timing=Timing(rearm_s=0.05))
    thread = threading.Thread(target=station.run, args=[threading.Event()])
    thread.start()
    until = time.monotonic() + 5
    while "in the workshop" not in station.reason and time.monotonic() < until:
        time.sleep(0.01)
    assert station.state == "disarmed"
    assert station.counts.parts == 0
    write_image_bundle(bench / "brightness.bundle")
    thread.join(10)
    assert station.counts.parts == 12


def test_station_tries_again_after_any_error_but_a_wrong_station_toml(bench: Path) -> None:
    errors = iter([InputError("a file came late"), BrokerError("no tags yet")])

    def arm(
        channel: Channel, config: StationConfig, clock: Clock, memory: ChannelMemory
    ) -> ArmedChannel:
        for error in errors:
            raise error
        return arm_channel(channel, config, clock, memory)

    config = read_config(write_station(bench, FOLDER))
    station = Station(config, clock=SystemClock(), arm=arm, timing=Timing(rearm_s=0.01))
    station.run(threading.Event())
    assert station.counts.parts == 12
    wrong = read_config(write_station(bench, FOLDER, trust="allow_unsigned = false"))
    with pytest.raises(ConfigError, match="no trusted root is named"):
        Station(wrong, clock=SystemClock()).run(threading.Event())


def test_slow_line_gives_every_dropped_frame_a_verdict_of_its_own(bench: Path) -> None:
    write_frames(bench / "frames", 40)
    _, decisions = decide(
        write_station(bench, f"{FOLDER}\nrate_hz = 1000", line="deadline_ms = 0.01")
    )
    assert len(decisions) == 40
    assert {d.verdict for d in decisions} == {Verdict.NO_VERDICT}


def test_run_shows_verdict_lines_and_counts(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(write_station(bench, FOLDER)), "--verbose"]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert len(lines) == 12
    assert "FAIL        reject  part0003.png" in lines[3]
    assert "12 parts: 9 PASS, 3 FAIL, 0 NO-VERDICT" in shown.err


def test_run_gives_verdicts_as_json(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(write_station(bench, FOLDER)), "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["verdict"] for one in found].count("FAIL") == 3
    assert found[3]["part_id"] == "part0003.png"


def test_simulated_line_is_inspected_part_by_part(bench: Path) -> None:
    line = 'driver = "simulated"\nseed = 3\nparts = 5\nwidth_px = 320\nheight_px = 240'
    _, decisions = decide(write_station(bench, line))
    assert [d.part_id for d in decisions] == [f"sim-3-{k}" for k in range(5)]
    assert all(d.verdict != Verdict.NO_VERDICT for d in decisions)


def test_reader_that_hangs_up_does_not_stop_the_line(bench: Path) -> None:
    write_frames(bench / "frames", 300)
    words = [sys.executable, "-m", "edge_agent", "run", "--verbose", "station.toml"]
    write_station(bench, f"{FOLDER}\nrate_hz = 300")
    with subprocess.Popen(
        words, cwd=bench, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as agent:
        assert agent.stdout is not None
        assert agent.stderr is not None
        agent.stdout.readline()
        agent.stdout.close()
        said = agent.stderr.read()
    assert agent.returncode == 0, said
    assert "300 parts" in said
    assert "Traceback" not in said


def test_part_whose_name_is_not_utf8_gets_its_verdict(bench: Path) -> None:
    odd = os.fsdecode(b"part\xff.png")
    (bench / "frames" / "part0000.png").rename(bench / "frames" / odd)
    (bench / "frames" / "part0001.png").write_bytes(b"")
    (bench / "frames" / "part0001.png").rename(bench / "frames" / f"z{odd}")
    station, decisions = decide(write_station(bench, FOLDER))
    verdicts = {d.part_id: d.verdict for d in decisions}
    assert verdicts["part\\udcff.png"] == Verdict.PASS
    assert verdicts["zpart\\udcff.png"] == Verdict.NO_VERDICT
    assert station.counts.faults == 0


def test_output_that_fails_costs_no_verdict(bench: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(decision: Decision) -> None:
        raise OSError("the relay is gone")

    config = read_config(write_station(bench, FOLDER))
    station = Station(config, clock=SystemClock(), output=broken, keep_trying=False)
    station.run(threading.Event())
    assert station.counts.parts == 12
    logged = [record.message for record in caplog.records if "failed" in record.message]
    assert logged == ["output failed: the relay is gone"], "one line when it breaks"


def test_output_that_fails_costs_no_verdict_of_a_part_that_waited(bench: Path) -> None:
    def broken(decision: Decision) -> None:
        raise OSError("the relay is gone")

    (bench / "others").mkdir()
    waiting = f'{FOLDER.replace("frames", "others")}\nat_end = "wait"'
    path = write_station(bench, waiting, line='join = "part_id"\ndeadline_ms = 300')
    other = path.read_text().partition("[[channel]]")[2].replace("top", "side")
    path.write_text(f"{path.read_text()}[[channel]]{other.replace('others', 'frames')}")
    stop = threading.Event()
    station = Station(read_config(path), clock=SystemClock(), output=broken, keep_trying=False)
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    assert wait_until(lambda: station.counts.parts == 12)
    stop.set()
    thread.join(10)
    assert (station.counts.failed, station.counts.no_verdict) == (3, 9)
    assert station.reason == "asked to"


def test_rows_are_judged_and_one_without_its_tag_takes_the_safe_action(bench: Path) -> None:
    write_process_bundle(bench / "power.bundle")
    (bench / "shift.csv").write_text(
        "part,torque [Nm],speed [rpm]\np1,20,1200\np2,60,1500\np3,,1500\np4,20,\n"
    )
    station = bench / "station.toml"
    station.write_text(
        '[station]\nid = "test"\n[trust]\nallow_unsigned = true\n[[channel]]\nname = "mill"\n'
        'kind = "tabular"\nbundle = "power.bundle"\n[channel.source]\ndriver = "rows"\n'
        'path = "shift.csv"\npart_column = "part"\n'
    )
    _, decisions = decide(station)
    verdicts = [Verdict.PASS, Verdict.FAIL, Verdict.NO_VERDICT, Verdict.PASS]
    assert [(d.part_id, d.verdict) for d in decisions] == list(
        zip(["p1", "p2", "p3", "p4"], verdicts, strict=True)
    )
    assert decisions[2].reason.startswith("mill: torque [Nm] is missing")
    assert decisions[2].action == "reject"
    assert decisions[3].channels[0].reason == "speed [rpm] is missing, 1500 used"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_channel_whose_thread_dies_is_told_and_does_not_end_the_station(bench: Path) -> None:
    stop, armed = threading.Event(), []

    def arm(
        channel: Channel, config: StationConfig, clock: Clock, memory: ChannelMemory
    ) -> ArmedChannel:
        armed.append(arm_channel(channel, config, clock, memory))
        return armed[0]

    source = f'{FOLDER}\nrate_hz = 20\nat_end = "wait"'
    path = write_station(bench, source, line="deadline_ms = 1000")
    station = Station(read_config(path), clock=SystemClock(), arm=arm)
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    assert wait_until(lambda: station.counts.parts > 2)

    def leave(timeout_s: float) -> None:
        raise SystemExit

    armed[0].feed.take = leave
    assert wait_until(lambda: "its thread has died" in station.reason)
    assert (station.state, thread.is_alive()) == ("disarmed", True)
    assert wait_until(lambda: station.counts.parts == 12), "the deadlines are still watched"
    stop.set()
    thread.join(20)
