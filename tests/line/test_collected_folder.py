"""What `capture` and `record` write is what the trainer reads: same pixels, samples and rates."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.__main__ import main
from edge_agent.capture.process.rows import RowReplay, RowsTable
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.types import Reading
from edge_agent.simulator import motor, scene
from edge_agent.station.collect import (
    AskedAlways,
    AskedByClock,
    AskedByKey,
    Ended,
    collect,
)
from edge_agent.station.training_folder import TrainingFolder, npz_bytes
from tests.station_kit import mosquitto
from trainer.data.load import load_dataset
from trainer.data.prepare import read_picture, read_sample

HEAD = '[station]\nid = "s"\n[trust]\nallow_unsigned = true\n[[channel]]\nname = "top"\n'
CAMERA = HEAD + (
    'kind = "image"\nbundle = "none.bundle"\n[channel.source]\ndriver = "simulated"\n'
    "seed = 3\nwidth_px = 64\nheight_px = 48\nparts = 8\n"
)
MOTOR = HEAD + (
    'kind = "vibration"\n[channel.source]\ndriver = "simulated"\nseed = 3\nparts = 6\n'
    "sample_rate_hz = 4000\n"
)


def station(room: Path, text: str) -> str:
    path = room / "station.toml"
    path.write_text(text)
    return str(path)


def test_pictures_of_two_sessions_are_one_data_set_pixel_for_pixel(tmp_path: Path) -> None:
    config, out = station(tmp_path, CAMERA), str(tmp_path / "caps")
    common = ["capture", "--config", config, "--out", out, "--every", "0.001", "--count", "3"]
    assert main([*common, "--label", "fine", "--good"]) == 0
    assert main([*common, "--label", "scratch", "--part", "A7"]) == 0
    dataset = load_dataset(tmp_path / "caps")
    assert dataset.counts() == {"fine": 3, "scratch": 3}
    assert list(dataset.config.good) == ["fine"]
    assert len({sample.group for sample in dataset.samples}) == 4
    expected = scene.render(3, 0, 64, 48, 0.25)
    assert np.array_equal(read_picture(dataset, 0), expected)


def test_recordings_have_the_length_that_was_asked_and_their_rate(tmp_path: Path) -> None:
    config, out = station(tmp_path, MOTOR), tmp_path / "motor"
    words = ["record", "--config", config, "--out", str(out), "--label", "normal", "--good"]
    assert main([*words, "--seconds", "0.5", "--count", "2"]) == 0
    dataset = load_dataset(out)
    recording = read_sample(dataset, 0)
    assert (recording.rate_hz, recording.signal.shape) == (4000, (2000, 1))
    assert np.array_equal(recording.signal, motor.vibration(3, 0, 0.5, 4000, 0.25))
    assert recording.rpm == pytest.approx(60 * motor.trial(3, 0, 0.25).shaft_hz)


def test_recordings_with_slightly_different_true_rates_stay_one_data_set(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "d", "vibration", "ok", good=True, session="1", channel="m")
    folder.prepare(("x", "y"), "g")
    signal = np.ones((40, 2), np.float32)
    for rate_hz in (997.5, 1003.25):
        folder.add(Reading(signal, rate_hz, 1, 1, 0), "p", ("x", "y"))
    dataset = load_dataset(tmp_path / "d")
    assert [read_sample(dataset, at).rate_hz for at in (0, 1)] == [997.5, 1003.25]
    assert read_sample(dataset, 0).axes == ("x", "y")


def test_rows_of_tags_become_a_table(tmp_path: Path) -> None:
    (tmp_path / "shift.csv").write_text("torque,speed\n20,1200\n21,1210\n")
    table = RowsTable.model_validate({"driver": "rows", "path": tmp_path / "shift.csv"})
    source = RowReplay(table, name="press", clock=ManualClock())
    folder = TrainingFolder(
        tmp_path / "d", "tabular", "ok", good=True, session="1", channel="press"
    )
    folder.prepare()
    source.open()
    for item, _ in collect(source, AskedAlways(), ManualClock(), print):
        folder.add(item, "p1", ())  # type: ignore[arg-type]
    dataset = load_dataset(tmp_path / "d")
    assert dataset.counts() == {"ok": 2}


def test_another_kind_of_data_set_is_not_mixed_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "d"), "--label", "ok", "--count", "1"]
    camera = station(tmp_path, CAMERA)
    assert main(["capture", "--config", camera, *out, "--every", "0.001"]) == 0
    assert main(["record", "--config", station(tmp_path, MOTOR), *out]) == 2
    assert "is a data set of task 'image-class', this channel is vibration" in (
        capsys.readouterr().err
    )


def test_a_label_that_is_no_folder_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["capture", "--config", station(tmp_path, CAMERA), "--every", "1"]
    assert main([*words, "--out", str(tmp_path / "d"), "--label", "../ok"]) == 2
    assert "'../ok' cannot be the name of a folder" in capsys.readouterr().err


def test_keys_take_pictures_name_parts_and_end(tmp_path: Path) -> None:
    path = tmp_path / "typed"
    path.write_text("\nA 7\nq\n\n")
    with path.open() as stream:
        asking = AskedByKey(stream)
        assert [asking.asked(), asking.asked()] == ["", "A 7"]
        with pytest.raises(Ended):
            asking.asked()


def test_the_end_of_what_is_typed_is_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "typed"
    path.write_text("\n\n")
    with path.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        words = ["capture", "--config", station(tmp_path, CAMERA), "--label", "ok", "--json"]
        assert main([*words, "--out", str(tmp_path / "d")]) == 0
    assert '"count": 2' in capsys.readouterr().out


def test_a_late_clock_leaves_out_whole_periods() -> None:
    clock = ManualClock()
    asking = AskedByClock(2, clock)
    seen = []
    for _ in range(3):
        seen.append(asking.asked())
        clock.advance_s(3)
    assert seen == ["", "", ""]
    assert asking.asked() == ""
    assert asking.asked() is None


def test_a_recording_holds_its_true_rate() -> None:
    reading = Reading(np.zeros((4, 1), np.float32), 552.25, 1, 1, 0, rpm=1480)
    content = np.load(io.BytesIO(npz_bytes(reading, ("x",))))
    assert (float(content["rate_hz"]), float(content["rpm"])) == (552.25, 1480)


@pytest.mark.skipif(shutil.which("mosquitto") is None, reason="no mosquitto on this machine")
def test_rows_of_tags_over_mqtt_are_recorded_without_a_bundle(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        text = (
            f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
            + HEAD
            + (
                'kind = "tabular"\nbundle = "none.bundle"\n[channel.source]\ndriver = "mqtt_tags"\n'
                "period_s = 0.05\nstart_s = 0.2\nstale_s = 0\n"
                'tag = [{name = "torque", topic = "plant/torque"}]\n'
            )
        )
        publish(broker.port, "plant/torque", "21.5")
        config, out = station(tmp_path, text), tmp_path / "press"
        words = ["record", "--config", config, "--out", str(out), "--label", "ok", "--good"]
        assert main([*words, "--count", "3"]) == 0
    dataset = load_dataset(out)
    assert dataset.counts() == {"ok": 3}


def publish(port: int, topic: str, payload: str) -> None:
    """A retained message, as a PLC's gateway leaves it."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, payload, qos=1, retain=True).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()
