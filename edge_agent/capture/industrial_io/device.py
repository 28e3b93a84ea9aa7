"""An IIO device in sysfs: found by name, its rate and buffer set, and read back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_agent.capture.industrial_io.channels import TIMESTAMP, channel_names
from edge_agent.contracts.core.errors import DeviceError

SYSFS = Path("/sys/bus/iio/devices")
NEAR = 0.01
"""A rate that a device gives back is the one asked within this share."""
RATE_FILES = ("sampling_frequency", "in_accel_sampling_frequency", "in_voltage_sampling_frequency")


def find_device(wanted: str, sysfs: Path = SYSFS) -> Path:
    """The folder of the device of that number, name or label; raises DeviceError with a list."""
    devices = list_devices(sysfs)
    found = [path for path in devices if wanted in (path.name, *_names(path))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{path.name} ({_names(path)[0]})" for path in devices)
    fault = "is there twice: name it by its number" if found else "is not there"
    raise DeviceError(
        f"IIO device {wanted!r} {fault}; found {names or 'none'}",
        where="sensor",
        cure="load its driver (modprobe, device tree), or correct `device`",
    )


def list_devices(sysfs: Path = SYSFS) -> list[Path]:
    """The folders of all devices."""
    return sorted(sysfs.glob("iio:device*"))


def device_name(device: Path) -> str:
    """What the device calls itself."""
    return _names(device)[0]


def rates_hz(device: Path) -> str:
    """The rates that it lists, as it lists them."""
    for name in RATE_FILES:
        found = _read(device / f"{name}_available")
        if found:
            return found
    return ""


def set_rate(device: Path, rate_hz: float, trigger: str, sysfs: Path = SYSFS) -> None:
    """Set the rate of the device, or of its trigger, and read it back; raises DeviceError."""
    path = next((device / name for name in RATE_FILES if (device / name).exists()), None)
    if trigger:
        own = find_trigger(trigger, sysfs) / "sampling_frequency"
        path = own if own.exists() else path
    if path is None:
        return  # a device without a setting: its rate is measured all the same
    _write(path, f"{rate_hz:g}")
    found = float(_read(path) or 0)
    if abs(found / rate_hz - 1) > NEAR:
        listed = rates_hz(device)
        raise DeviceError(
            f"gave {found:g} Hz, station.toml asks {rate_hz:g}"
            + (f"; it has {listed}" if listed else ""),
            where=str(path),
            cure="set rate_hz to what the sensor can do",
        )


def find_trigger(name: str, sysfs: Path = SYSFS) -> Path:
    """The folder of a trigger; raises DeviceError with a list."""
    triggers = sorted(sysfs.glob("trigger*"))
    for path in triggers:
        if _read(path / "name") == name:
            return path
    found = ", ".join(_read(path / "name") for path in triggers) or "none"
    raise DeviceError(
        f"no IIO trigger {name!r}; found {found}",
        where="sensor",
        cure="make one (mkdir /sys/kernel/config/iio/triggers/hrtimer/NAME), or correct `trigger`",
    )


def start_buffer(device: Path, axes: Sequence[str], trigger: str, length: int) -> bool:
    """Let the device fill its buffer with these channels; whether each scan has a time stamp."""
    stop_buffer(device)
    if trigger:
        _write(device / "trigger" / "current_trigger", trigger)
    for name in channel_names(device):
        _write(device / "scan_elements" / f"in_{name}_en", "1" if name in axes else "0")
    stamp = device / "scan_elements" / f"in_{TIMESTAMP}_en"
    if stamp.exists():
        _write(stamp, "1")
        clock = device / "current_timestamp_clock"
        if clock.exists():
            _write(clock, "monotonic")
    _write(device / "buffer" / "length", str(length))
    _write(device / "buffer" / "enable", "1")
    return stamp.exists()


def stop_buffer(device: Path) -> None:
    """End a buffer that runs; a device that is gone has none."""
    if _read(device / "buffer" / "enable") == "1":
        _write(device / "buffer" / "enable", "0")


def stamps_are_monotonic(device: Path) -> bool:
    """Whether the stamps of the buffer are on the clock that deadlines run on."""
    return _read(device / "current_timestamp_clock").strip("[]") == "monotonic"


def _names(device: Path) -> tuple[str, str]:
    return _read(device / "name") or device.name, _read(device / "label")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise DeviceError(
            f"cannot be set to {text!r} ({error.strerror})",
            where=str(path),
            cure="let the station's user write it (udev rule), or end the program that uses it",
        ) from error
