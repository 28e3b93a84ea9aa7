"""An IIO device as the kernel shows one: its files, and a node that gives scans at a rate.

The layout of the folder is that of Debian's kernel 6.1 with iio_dummy; the node is a pipe.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from pathlib import Path

FILES = {
    "name": "adxl345",
    "in_accel_scale": "0.0095768",
    "in_accel_x_raw": "104",
    "in_accel_y_raw": "-52",
    "sampling_frequency": "100",
    "sampling_frequency_available": "100 200 1000",
    "current_timestamp_clock": "realtime",
    "buffer/enable": "0",
    "buffer/length": "128",
    "trigger/current_trigger": "",
    "scan_elements/in_accel_x_en": "0",
    "scan_elements/in_accel_x_index": "0",
    "scan_elements/in_accel_x_type": "le:s13/16>>0",
    "scan_elements/in_accel_y_en": "1",
    "scan_elements/in_accel_y_index": "1",
    "scan_elements/in_accel_y_type": "be:s12/16>>4",
    "scan_elements/in_timestamp_en": "0",
    "scan_elements/in_timestamp_index": "2",
    "scan_elements/in_timestamp_type": "le:s64/64>>0",
}


class Accelerometer:
    """x is 104 steps (0.1016 g), y counts from -5 to 5; gone: the node gives no more.

    times: so many seconds by its stamps pass in one of ours.
    """

    def __init__(self, room: Path, true_hz: float, times: int = 1) -> None:
        self.sysfs, self.dev = room / "sys", room / "dev"
        self.folder = self.sysfs / "iio:device0"
        for name, text in FILES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        self.dev.mkdir()
        self.node = self.dev / "iio:device0"
        os.mkfifo(self.node)
        self.skip: set[int] = set()
        self._true_hz = true_hz
        self._times = times
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="accelerometer", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """The device leaves the bus."""
        self._end.set()
        self._thread.join(5)
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        self.folder.rmdir()

    def _run(self) -> None:
        handle, sent, began = -1, 0, time.monotonic()
        while not self._end.wait(0.02):
            due = int((time.monotonic() - began) * self._times * self._true_hz)
            numbers, sent = [k for k in range(sent, due) if k not in self.skip], due
            if (self.folder / "buffer/enable").read_text() != "1":
                continue
            try:
                handle = os.open(self.node, os.O_WRONLY | os.O_NONBLOCK) if handle < 0 else handle
                os.write(handle, b"".join(self._scan(began, k) for k in numbers))
            except BlockingIOError:
                continue
            except OSError:
                handle = -1  # nobody has the node open
        if handle >= 0:
            os.close(handle)

    def _scan(self, began: float, k: int) -> bytes:
        stamp = round((began + (k + 1) / self._true_hz) * 1e9)
        y = (k % 11 - 5) << 4
        return struct.pack("<h", 104) + struct.pack(">h", y) + bytes(4) + struct.pack("<q", stamp)
