"""An audio interface as a vibration sensor (ALSA): IEPE front ends and USB sensors present as one.

Recorded by ALSA's own program `arecord`, whose words on an overrun are read.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from edge_agent.capture.signal_stream import SampleBlock, StreamSensor, StreamTable
from edge_agent.capture.source import FoundDevice, SourceDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError

RECORDER = "arecord"
FORMATS = {"S16_LE": ("<i2", 1 << 15), "S24_3LE": ("", 1 << 23), "S32_LE": ("<i4", 1 << 31)}
"""ALSA's name -> numpy's type and full scale; 24 bits in three bytes have no type."""
OVERRUN = re.compile(rb"overrun!!! \(at least ([0-9.]+) ms long\)")
OTHER_RATE = re.compile(rb"rate is not accurate \(requested = \d+Hz, got = (\d+)Hz\)")
BUFFER_US, PERIOD_US = 500_000, 50_000
"""What ALSA holds while this process does not run, and how often it gives some of it."""
MOST_BYTES = 1 << 18


class AudioTable(StreamTable):
    """An audio input (ALSA), such as an IEPE front end or a USB vibration sensor."""

    driver: Literal["audio"]
    device: str = Field(
        min_length=1, description="as `arecord -L` names it: hw:1,0 never resamples"
    )
    rate_hz: float = Field(
        default=48000, ge=1000, le=768_000, multiple_of=1, description="samples a second"
    )
    format: Literal["S16_LE", "S24_3LE", "S32_LE"] = Field(
        default="S16_LE", description="what the device sends"
    )
    full_scale: float = Field(
        gt=0, description="units of the signal at digital full scale, from its calibration sheet"
    )


class AudioDevice:
    """One recorder process."""

    def __init__(self, config: AudioTable, clock: Clock) -> None:
        self.full_scale = config.full_scale
        self._config = config
        self._clock = clock
        self._recorder: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._width = int(re.sub(r"\D.*", "", config.format[1:])) // 8 * len(config.axes)

    def open(self) -> None:
        """Start to record; raises DeviceError where the program is not there."""
        self.close()
        program = shutil.which(RECORDER)
        if program is None:
            raise self._error(f"{RECORDER} is not installed", "apt install alsa-utils")
        config = self._config
        shape = ["-f", config.format, "-r", f"{config.rate_hz:.0f}", "-c", str(len(config.axes))]
        words = [program, "-q", "-D", config.device, "-t", "raw", *shape]
        words += ["-B", str(BUFFER_US), "-F", str(PERIOD_US)]
        self._recorder = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"LC_ALL": "C"},
        )
        self._rest = b""
        for stream in (self._recorder.stdout, self._recorder.stderr):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)

    def read(self, timeout_s: float) -> SampleBlock | None:
        """What was recorded since; raises DeviceError when the recorder has ended."""
        recorder = self._recorder
        if recorder is None or recorder.stdout is None or recorder.stderr is None:
            raise self._error("not open", "open it first")
        ready, _, _ = select.select([recorder.stdout], [], [], timeout_s)
        payload = os.read(recorder.stdout.fileno(), MOST_BYTES) if ready else b""
        mono_ns = self._clock.mono_ns()
        words = recorder.stderr.read() or b""
        self._refuse_other_rate(words)
        if ready and not payload:
            raise self._error(
                f"cannot be recorded ({_last_line(words)})",
                "correct `device`, `rate_hz`, `format` or `axes` (`lineside-agent sensors`)",
            )
        data = self._rest + payload
        whole = len(data) - len(data) % self._width
        self._rest = data[whole:]
        if not whole:
            return None
        return SampleBlock(self._samples(data[:whole]), mono_ns, self._lost(words))

    def close(self) -> None:
        """End the recorder."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        recorder.terminate()
        try:
            recorder.wait(2)
        except subprocess.TimeoutExpired:
            recorder.kill()
            recorder.wait(5)
        for stream in (recorder.stdout, recorder.stderr):
            if stream is not None:
                stream.close()

    def _samples(self, data: bytes) -> np.ndarray:
        kind, largest = FORMATS[self._config.format]
        if kind:
            steps = np.frombuffer(data, kind).astype(np.float64)
        else:
            wide = np.zeros((len(data) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            steps = (wide.view("<i4")[:, 0] >> 8).astype(np.float64)
        scaled = steps.reshape(-1, len(self._config.axes)) * (self._config.full_scale / largest)
        return scaled.astype(np.float32)

    def _lost(self, words: bytes) -> int:
        """Samples of the overruns that the recorder told of."""
        lost_ms = sum(float(found) for found in OVERRUN.findall(words))
        return max(1, round(lost_ms / 1e3 * self._config.rate_hz)) if lost_ms else 0

    def _refuse_other_rate(self, words: bytes) -> None:
        found = OTHER_RATE.search(words)
        if found is not None:
            raise self._error(
                f"gave {int(found[1])} Hz, station.toml asks {self._config.rate_hz:g}",
                "set rate_hz to what the device can do",
            )

    def _error(self, what: str, cure: str) -> DeviceError:
        return DeviceError(what, where=f"audio {self._config.device}", cure=cure)


def build(config: AudioTable, *, name: str, clock: Clock) -> StreamSensor:
    """The sensor of a table."""
    return StreamSensor(AudioDevice(config, clock), config, name=name, clock=clock)


def find_inputs(sound: Path = Path("/proc/asound")) -> list[FoundDevice]:
    """Every input that ALSA lists, with what a USB device says that it can do."""
    try:
        lines = (sound / "pcm").read_text().splitlines()
    except OSError:
        return []
    return [_found(sound, line) for line in lines if "capture" in line]


def _found(sound: Path, line: str) -> FoundDevice:
    place, _, rest = line.partition(": ")
    card, _, device = place.partition("-")
    name = rest.partition(" :")[0].strip()
    path = f"hw:{int(card)},{int(device)}"
    try:
        stream = (sound / f"card{int(card)}" / "stream0").read_text()
    except OSError:
        stream = ""
    able = [part.strip() for part in stream.splitlines() if "Rates:" in part or "Format:" in part]
    table = {"driver": "audio", "device": path, "axes": ["x"], "full_scale": 1.0}
    return FoundDevice("audio", name, path, tuple(dict.fromkeys(able)), table)


def _last_line(words: bytes) -> str:
    lines = words.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it ended"


DRIVER = SourceDriver(AudioTable, build, finds=find_inputs)
