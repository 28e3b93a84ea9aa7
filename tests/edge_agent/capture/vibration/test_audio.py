"""An audio input: a real tone by a sound server, recorded by ALSA's own program."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from edge_agent.capture.queue import build_queue
from edge_agent.capture.signal_stream import StreamSensor
from edge_agent.capture.vibration.audio import AudioDevice, AudioTable, build, find_inputs
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, Reading
from tests.edge_agent.capture.vibration.pulse_kit import missing_sound, start, tone

TONE_HZ, RATE_HZ = 440, 48_000
"""Of the sound server, which makes the tone by its own rate."""

needs_sound = pytest.mark.skipif(bool(missing_sound()), reason=f"audio: {missing_sound()}")


def table(**keys: object) -> AudioTable:
    asked = {"driver": "audio", "device": "tone", "axes": ["x"], "full_scale": 5.0}
    return AudioTable.model_validate(asked | {"window_s": 0.5} | keys)


def sensor(**keys: object) -> StreamSensor:
    return build(table(**keys), name="m", clock=SystemClock())


def take(feed: object, within_s: float = 15) -> Item | None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = feed.take(0.2)  # type: ignore[attr-defined]
        if item is not None:
            return item
    pytest.fail("nothing came")


@needs_sound
@pytest.mark.drivers
def test_a_tone_keeps_its_pitch_and_a_lost_interface_is_noticed_and_found(tmp_path: Path) -> None:
    feed = build_queue(sensor(), name="m", size=8, clock=SystemClock(), reopen_s=(0.5,))
    with tone(tmp_path / "s") as server:
        feed.start()
        reading = take(feed)
        assert isinstance(reading, Reading), reading
        spectrum = np.abs(np.fft.rfft(reading.signal[:, 0]))
        # Half a line of the spectrum, in cycles a sample: in Hz, a pitch is no surer than the rate.
        pitch, half_line = np.array([spectrum[1:].argmax() + 1, 0.5]) / len(reading.signal)
        assert pitch == pytest.approx(TONE_HZ / RATE_HZ, abs=half_line)
        assert reading.rate_hz == pytest.approx(RATE_HZ, rel=0.02)
        server.kill()
        server.wait(10)
        began = time.monotonic()
        while not feed.fault and time.monotonic() - began < 8:
            feed.take(0.05)
        assert time.monotonic() - began < 2, "noticed too late"
        again = start(tmp_path / "s")
        began = time.monotonic()
        assert isinstance(take(feed), Reading)
        assert time.monotonic() - began < 10, "back too late"
        feed.stop()
        feed.close()
        again.kill()
        again.wait(10)


@needs_sound
@pytest.mark.drivers
def test_an_input_that_is_not_there_says_what_alsa_said() -> None:
    device = AudioDevice(table(device="hw:71,0"), SystemClock())
    device.open()
    with pytest.raises(DeviceError, match="cannot be recorded"):
        device.read(10)
    device.close()


@pytest.mark.parametrize(
    ("form", "data", "values"),
    [
        ("S16_LE", b"\x00\x40\x00\xc0", [2.5, -2.5]),
        ("S24_3LE", b"\x00\x00\x40\x00\x00\xc0", [2.5, -2.5]),
        ("S32_LE", b"\x00\x00\x00\x40\x00\x00\x00\xc0", [2.5, -2.5]),
    ],
)
def test_every_format_is_scaled_to_the_unit(form: str, data: bytes, values: list[float]) -> None:
    device = AudioDevice(table(format=form), SystemClock())
    assert device._samples(data)[:, 0].tolist() == values


def test_the_recorders_words_are_understood() -> None:
    device = AudioDevice(table(rate_hz=44100), SystemClock())
    assert device._lost(b"overrun!!! (at least 20.000 ms long)\n") == 882
    words = b"Warning: rate is not accurate (requested = 44100Hz, got = 48000Hz)\n"
    with pytest.raises(DeviceError, match="gave 48000 Hz, station"):
        device._refuse_other_rate(words)


def test_inputs_are_listed_with_what_usb_says(tmp_path: Path) -> None:
    (tmp_path / "pcm").write_text(
        "00-00: HDA : HDA : playback 1\n01-00: USB Audio : USB Audio : playback 1 : capture 1\n"
    )
    (tmp_path / "card1").mkdir()
    (tmp_path / "card1" / "stream0").write_text(
        "Digiducer 333D01 at usb\nCapture:\n  Format: S24_3LE\n  Rates: 8000, 48000\n"
    )
    found = find_inputs(tmp_path)
    assert [(one.where, one.able) for one in found] == [
        ("hw:1,0", ("Format: S24_3LE", "Rates: 8000, 48000"))
    ]
    assert AudioTable.model_validate(dict(found[0].table)).device == "hw:1,0"
