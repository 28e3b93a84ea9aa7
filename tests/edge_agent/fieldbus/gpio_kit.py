"""Pins of the kernel's own simulated chip (gpio-sim): what its sysfs saw and set."""

from __future__ import annotations

from pathlib import Path

CONFIGFS = Path("/sys/kernel/config/gpio-sim")


class SimulatedChip:
    """Eight lines; pull() is what the plant's wire does, value() what a meter shows."""

    def __init__(self, name: str) -> None:
        self._room = CONFIGFS / name
        (self._room / "bank").mkdir(parents=True)
        (self._room / "bank" / "num_lines").write_text("8")
        (self._room / "live").write_text("1")
        chip = (self._room / "bank" / "chip_name").read_text().strip()
        device = (self._room / "dev_name").read_text().strip()
        self.path = f"/dev/{chip}"
        self._lines = Path(f"/sys/devices/platform/{device}/{chip}")

    def pull(self, line: int, up: bool) -> None:
        (self._lines / f"sim_gpio{line}" / "pull").write_text("pull-up" if up else "pull-down")

    def value(self, line: int) -> int:
        return int((self._lines / f"sim_gpio{line}" / "value").read_text())

    def remove(self) -> None:
        (self._room / "live").write_text("0")
        (self._room / "bank").rmdir()
        self._room.rmdir()
