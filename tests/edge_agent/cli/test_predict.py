"""predict, replay and check as a user meets them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from benchmarks.brokers import free_port
from edge_agent.__main__ import main
from tests.station_kit import mosquitto, write_process_bundle, write_station

Shown = pytest.CaptureFixture[str]
FOLDER = 'driver = "folder"\npath = "frames"'
KEYS = {"path", "label", "score", "threshold", "verdict", "latency_ms"}


def test_predict_prints_one_json_object_a_line(bench: Path, capsys: Shown) -> None:
    bundle, frames = bench / "brightness.bundle", bench / "frames"
    one = frames / "part0000.png"
    assert main(["predict", str(bundle), str(one), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert set(row) == KEYS
    assert (row["path"], row["label"], row["verdict"]) == (str(one), "bright", "PASS")
    assert main(["predict", str(bundle), str(frames), "--json"]) == 3
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["verdict"] for row in rows].count("FAIL") == 3
    assert len(rows) == 12


def test_bad_files_are_named_and_the_others_still_judged(bench: Path, capsys: Shown) -> None:
    frames = bench / "frames"
    (frames / "part0000.png").write_bytes(b"")
    whole = (frames / "part0001.png").read_bytes()
    (frames / "part0001.png").write_bytes(whole[:60])
    (frames / "part0002.png").write_text("a text")
    words = ["predict", str(bench / "brightness.bundle"), str(frames), str(bench / "gone.png")]
    assert main([*words, "--json"]) == 1
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 9
    said = shown.err.splitlines()
    assert [line for line in said if "part0000.png: the file is empty" in line]
    assert [line for line in said if "part0001.png: " in line]
    assert [line for line in said if "part0002.png: not a readable image" in line]
    assert [line for line in said if "gone.png: cannot be read" in line]


def test_predict_judges_recordings(bench: Path, capsys: Shown) -> None:
    loud = bench / "loud.csv"
    loud.write_text("time,x\n" + "0,3\n0,-3\n" * 64)
    words = ["predict", str(bench / "loudness.bundle"), str(loud)]
    assert main([*words, "--rate-hz", "1000", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["label"] == "loud"
    nan = bench / "nan.csv"
    nan.write_text("x\n" + "0.1\nnan\n" * 64)
    assert main([*words[:2], str(nan), "--rate-hz", "1000"]) == 1
    assert "nan.csv: sample 1 is not a number" in capsys.readouterr().err


def test_predict_takes_the_rate_that_the_bundle_was_trained_at(bench: Path, capsys: Shown) -> None:
    loud = bench / "loud.csv"
    loud.write_text("x\n" + "3\n-3\n" * 64)
    words = ["predict", str(bench / "loudness.bundle"), "--json"]
    assert main([*words, str(loud)]) == main([*words, str(loud), "--rate-hz", "1000"]) == 3
    without, given = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (without["label"], without["score"]) == (given["label"], given["score"])


def test_predict_asks_where_a_file_says_another_rate(bench: Path, capsys: Shown) -> None:
    times = np.arange(640) / 5000
    np.savetxt(bench / "t.csv", np.c_[times, times], delimiter=",", header="time,x", comments="")
    savemat(bench / "s.mat", {"x": times, "fs": 5000.0})
    savemat(bench / "near.mat", {"x": times, "fs": 1020.0})
    words = ["predict", str(bench / "loudness.bundle")]
    for name in ("t.csv", "s.mat"):
        assert main([*words, str(bench / name)]) == 1
        said = capsys.readouterr().err
        assert f"{name}: is at 5000 Hz, the model was trained at 1000 Hz" in said
        assert "give --rate-hz 5000 if it was recorded so" in said
        assert main([*words, str(bench / name), "--rate-hz", "5000"]) == 0
    assert main([*words, str(bench / "near.mat")]) == 0
    assert main([*words, str(bench / "s.mat"), "--rate-hz", "1000"]) == 1
    assert "the file says 5000 Hz, the configuration 1000 Hz" in capsys.readouterr().err
    savemat(bench / "slow.mat", {"x": times, "fs": 500.0})
    for rate in ([], ["--rate-hz", "500"]):
        assert main([*words, str(bench / "slow.mat"), *rate]) == 1
        said = capsys.readouterr().err
        assert "slow.mat: is at 500 Hz, the model was trained at 1000 Hz: record as fast" in said


def test_predict_refuses_a_damaged_bundle(bench: Path, capsys: Shown) -> None:
    bundle = bench / "brightness.bundle"
    bundle.write_bytes(bundle.read_bytes()[:-100])
    assert main(["predict", str(bundle), str(bench / "frames")]) == 1
    shown = capsys.readouterr()
    assert not shown.out
    assert "brightness.bundle: truncated or damaged" in shown.err
    assert "copy the bundle again" in shown.err


def test_empty_folder_is_no_success(bench: Path, capsys: Shown) -> None:
    (bench / "none").mkdir()
    assert main(["predict", str(bench / "brightness.bundle"), str(bench / "none")]) == 1
    assert "nothing to judge" in capsys.readouterr().err


def test_replay_decides_like_the_station(bench: Path, capsys: Shown) -> None:
    station = write_station(bench, FOLDER)
    shutil.copytree(bench / "frames", bench / "later")
    assert main(["replay", str(bench / "later"), "--config", str(station), "--json"]) == 3
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["part_id"] for row in rows] == [f"part{k:04d}.png" for k in range(12)]
    assert rows[3]["verdict"] == "FAIL"
    bundle = bench / "brightness.bundle"
    assert main(["replay", str(bench / "later"), "--bundle", str(bundle)]) == 3
    assert "9 PASS, 3 FAIL" in capsys.readouterr().err


def test_replay_of_nothing_is_an_absent_device(bench: Path, capsys: Shown) -> None:
    bundle = bench / "brightness.bundle"
    assert main(["replay", str(bench / "gone"), "--bundle", str(bundle)]) == 4
    assert "gone: no such recording" in capsys.readouterr().err


def test_check_finds_a_sound_station_sound(bench: Path, capsys: Shown) -> None:
    with mosquitto(bench / "broker") as broker:
        station = write_station(bench, FOLDER, mqtt=f'host = "127.0.0.1"\nport = {broker.port}')
        conf = bench / "broker" / "mosquitto.conf"
        assert main(["check", str(station), "--json", "--mosquitto-conf", str(conf)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    grades = {row["what"]: row["grade"] for row in rows}
    assert grades["channel top: network"] == "OK"
    assert grades["channel top: source"] == "OK"
    assert grades["channel top: bundle"] == "WARN", "an unsigned bundle deserves a word"
    assert grades["state folder"] == "OK"
    assert grades["broker keeps a session"] == "OK"
    assert grades["broker keeps the state"] == "OK"
    assert grades["broker survives a power cut"] == "UNKNOWN"
    assert grades["mosquitto.conf autosave_interval"] == "OK"


def test_check_names_each_fault_and_its_cure(bench: Path, capsys: Shown) -> None:
    port = free_port()
    station = write_station(
        bench,
        'driver = "folder"\npath = "gone"',
        mqtt=f'host = "127.0.0.1"\nport = {port}',
        outbox="quota_mb = 1_000_000",
    )
    assert main(["check", str(station)]) == 4
    shown = capsys.readouterr().out
    assert "FAIL     channel top: source" in shown
    assert "gone: no such folder" in shown
    assert "correct `path` of the folder camera" in shown
    assert "or lower outbox.quota_mb" in shown
    assert f"broker 127.0.0.1:{port}: Connection refused" in shown
    assert "start the broker, or correct mqtt.host and mqtt.port" in shown


def test_check_reads_the_baseline_that_a_channel_names(bench: Path, capsys: Shown) -> None:
    runs = bench / "runs"
    runs.mkdir()
    (runs / "a.csv").write_text("x\n" + "0.1\n-0.1\n" * 64)
    station = bench / "station.toml"
    station.write_text(
        '[station]\nid = "test"\n[trust]\nallow_unsigned = true\n[[channel]]\nname = "motor"\n'
        'kind = "vibration"\nbundle = "loudness.bundle"\nbaseline = "gone.json"\n'
        '[channel.source]\ndriver = "replay"\npath = "runs"\nsample_rate_hz = 1000\n'
    )
    assert main(["check", str(station)]) == 1
    shown = capsys.readouterr().out
    assert "FAIL     channel motor: baseline" in shown
    assert "gone.json: cannot be read" in shown
    assert "lineside-agent baseline" in shown


def test_check_sees_a_broker_that_drops_for_those_who_are_away(
    bench: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = mosquitto(bench / "broker")
    write_text = Path.write_text

    def with_default_queue(path: Path, text: str) -> int:
        return write_text(path, text.replace("max_queued_messages 0\n", ""))

    monkeypatch.setattr(Path, "write_text", with_default_queue)
    with broker:
        monkeypatch.undo()
        station = write_station(bench, FOLDER, mqtt=f'host = "127.0.0.1"\nport = {broker.port}')
        conf = bench / "broker" / "mosquitto.conf"
        assert main(["check", str(station), "--mosquitto-conf", str(conf)]) == 0
    shown = capsys.readouterr().out
    assert "WARN     broker keeps a session" in shown
    assert "max_queued_messages 0" in shown
    assert "max_queued_messages 1000 (the default): a subscriber that is away loses" in shown


MILL = """\
[station]
id = "test"
[trust]
allow_unsigned = true
[[channel]]
name = "mill"
kind = "tabular"
bundle = "power.bundle"
[channel.source]
driver = "rows"
path = "shift.csv"
"""


def test_rows_are_checked_replayed_and_predicted_alike(bench: Path, capsys: Shown) -> None:
    bundle = write_process_bundle(bench / "power.bundle")
    station, shift = bench / "station.toml", bench / "shift.csv"
    station.write_text(MILL)
    shift.write_text("torque [Nm],speed [rpm]\n20,1200\n60,1500\n")
    assert main(["check", str(station)]) == 0
    assert "rows gives 2 tags, the model takes 2" in capsys.readouterr().out
    assert main(["predict", str(bundle), str(shift), "--json"]) == 3
    predicted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for words in (["--config", str(station)], ["--bundle", str(bundle)]):
        assert main(["replay", str(shift), *words, "--json"]) == 3
        replayed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [row["channels"][0]["score"] for row in replayed] == [
            row["score"] for row in predicted
        ]
        assert [row["part_id"] for row in replayed] == ["shift.csv#0", "shift.csv#1"]


def test_check_names_the_tag_that_has_no_column(bench: Path, capsys: Shown) -> None:
    write_process_bundle(bench / "power.bundle")
    (bench / "station.toml").write_text(MILL)
    (bench / "shift.csv").write_text("torque [Nm],rpm\n20,1200\n")
    assert main(["check", str(bench / "station.toml")]) == 1
    assert "no column 'speed [rpm]'" in capsys.readouterr().out


def test_broken_picture_is_told_by_us_alone(bench: Path) -> None:
    whole = (bench / "frames" / "part0000.png").read_bytes()
    (bench / "half.png").write_bytes(whole[: len(whole) // 2])
    words = [sys.executable, "-m", "edge_agent", "predict", "brightness.bundle", "half.png"]
    done = subprocess.run(words, cwd=bench, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: half.png: ")
    assert done.stderr.count("\n") == 1


def test_recording_that_cannot_be_judged_is_named(bench: Path, capsys: Shown) -> None:
    short = bench / "short.csv"
    short.write_text("x\n" + "1\n2\n")
    words = ["predict", str(bench / "loudness.bundle"), str(short), "--rate-hz", "1000"]
    assert main(words) == 1
    assert capsys.readouterr().err.startswith(f"error: {short}: ")
