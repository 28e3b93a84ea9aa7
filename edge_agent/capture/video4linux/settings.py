"""Exposure, gain, white balance and focus of a camera: set, locked, and read back.

Source of the control numbers: the Linux kernel's header v4l2-controls.h.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_agent.capture.video4linux.node import VideoControl
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.suggestion import did_you_mean

NEAR = 0.02
"""A camera rounds a value to its own steps; a read-back within this share is the value asked."""


@dataclass(frozen=True)
class KnownSetting:
    """A key of station.toml. automatic: the controls that own it, with the value that ends that;
    unit: how many of the key's units one step of the control is.
    """

    control: int
    automatic: tuple[tuple[int, int], ...]
    unit: float = 1.0


KNOWN: Mapping[str, KnownSetting] = {
    "exposure_us": KnownSetting(0x009A0902, ((0x009A0901, 1), (0x009A0903, 0)), 100.0),
    "gain": KnownSetting(0x00980913, ((0x00980912, 0),)),
    "white_balance_k": KnownSetting(0x0098091A, ((0x0098090C, 0),)),
    "focus": KnownSetting(0x009A090A, ((0x009A090C, 0),)),
}
"""V4L2_CID_EXPOSURE_ABSOLUTE (100 us), GAIN, WHITE_BALANCE_TEMPERATURE, FOCUS_ABSOLUTE."""


class ControlPort(Protocol):
    """The part of a node that has the controls."""

    def controls(self) -> dict[str, VideoControl]: ...

    def read_control(self, number: int) -> int | None: ...

    def write_control(self, number: int, value: int) -> bool: ...


@dataclass(frozen=True)
class _Locked:
    key: str
    control: VideoControl
    value: int


class SettingsLock:
    """Holds the settings of one open camera. asked: key of KNOWN, or name of a control -> value."""

    def __init__(self, port: ControlPort, asked: Mapping[str, float], where: str) -> None:
        self._port = port
        self._asked = asked
        self._where = where
        self._locked: list[_Locked] = []

    def set(self) -> None:
        """Set all and read them back; raises DeviceError for one that the camera has not, does not
        take, or cannot read back.
        """
        controls = self._port.controls()
        numbers = {control.id: control for control in controls.values()}
        for key in self._asked:
            for number, value in KNOWN[key].automatic if key in KNOWN else ():
                if number in numbers:
                    self._port.write_control(number, value)
        self._locked = [self._set(key, self._find(key, controls, numbers)) for key in self._asked]

    def moved(self) -> str:
        """What another program or the camera itself has moved, in a sentence; it is set again."""
        found = []
        for one in self._locked:
            value = self._port.read_control(one.control.id)
            if value != one.value:
                found.append(f"{one.key} was {value}, it is locked to {one.value}")
                self._port.write_control(one.control.id, one.value)
        return "camera setting moved: " + "; ".join(found) if found else ""

    def _find(
        self, key: str, controls: Mapping[str, VideoControl], numbers: Mapping[int, VideoControl]
    ) -> VideoControl:
        found = numbers.get(KNOWN[key].control) if key in KNOWN else controls.get(key)
        if found is not None:
            return found
        names = ", ".join(controls) or "no controls at all"
        near = "" if key in KNOWN or not controls else f", {did_you_mean(key, controls)}"
        raise self._error(f"has no {key}{near}; it has {names}", f"leave {key} out")

    def _set(self, key: str, control: VideoControl) -> _Locked:
        unit = KNOWN[key].unit if key in KNOWN else 1.0
        asked = round(self._asked[key] / unit)
        if not control.low <= asked <= control.high:
            span = f"{control.low * unit:g} to {control.high * unit:g}"
            raise self._error(
                f"takes {key} from {span}, {self._asked[key]:g} is asked", "correct it"
            )
        if not control.writable or not self._port.write_control(control.id, asked):
            raise self._error(f"refuses to set {key}", f"leave {key} out")
        value = self._port.read_control(control.id)
        if value is None:
            what = f"cannot read {key} back: nobody knows what it is set to"
            raise self._error(what, f"leave {key} out, or take another camera")
        if abs(value - asked) > max(control.step, 1, NEAR * abs(asked)):
            raise self._error(
                f"gave {key} = {value * unit:g}, station.toml asks {self._asked[key]:g}",
                f"set {key} to what it gave",
            )
        return _Locked(key, control, value)

    def _error(self, what: str, cure: str) -> DeviceError:
        return DeviceError(
            what, where=self._where, cure=f"{cure} (`lineside-agent cameras` shows all)"
        )
