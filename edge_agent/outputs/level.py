"""An output that is one number at a device: a level or a pulse for each action.

Coil, register and pin drivers differ only in how a number is set and read back.
"""

from __future__ import annotations

import threading
from typing import Protocol, Self

from pydantic import Field, model_validator

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.output import OutputStatus, OutputTable


class LevelTable(OutputTable):
    """What the table of every such output has."""

    accept_value: int = Field(default=0, ge=0, le=65535, description="value that lets a part pass")
    reject_value: int = Field(default=1, ge=0, le=65535, description="value that rejects a part")
    stop_value: int = Field(default=1, ge=0, le=65535, description="value that stops the line")
    pulse_ms: float = Field(
        default=0,
        ge=0,
        le=60_000,
        description="a reject falls back to accept_value after this; 0: the value stays",
    )
    read_back: bool = Field(
        default=True, description="read the value after each write; another one is a fault"
    )

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if self.gate is not None and self.pulse_ms:
            raise ValueError("pulse_ms and gate exclude each other: gate.width_ms is the pulse")
        return self

    def value_of(self, action: Action) -> int:
        """The value of an action."""
        values = {"accept": self.accept_value, "reject": self.reject_value}
        return values.get(action, self.stop_value)


class Level(Protocol):
    """One number at a device."""

    def open(self) -> None:
        """Connect; raises DeviceError."""

    def write(self, value: int) -> None:
        """Set it; raises DeviceError."""

    def read(self) -> int:
        """Read it; raises DeviceError."""

    def close(self) -> None:
        """Release the device."""


class LevelOutput:
    """Sets the value of an action, and takes a pulse back after its time.

    The safe state is a level: it ends a pulse and stays.
    """

    def __init__(self, config: LevelTable, level: Level, name: str) -> None:
        self._config = config
        self._level = level
        self._where = f"output {name}"
        # The end of a pulse comes from a timer's thread.
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._open = False
        self._commanded: Action | None = None
        self._fault = ""
        self._written = 0
        self._failed = 0

    def open(self) -> None:
        """Connect and show the safe state."""
        with self._lock:
            self._end_pulse()
            self._level.open()
            self._open = True
            try:
                self.show_safe_state()
            except DeviceError:
                self._open = False
                self._level.close()
                raise

    def write(self, decision: Decision) -> None:
        """Set the value of the decision's action."""
        with self._lock:
            self._end_pulse()
            try:
                self._set(decision.action)
            except DeviceError:
                self._failed += 1
                raise
            self._written += 1
            if self._config.pulse_ms and decision.action == "reject":
                self._timer = threading.Timer(self._config.pulse_ms / 1e3, self._fall_back)
                self._timer.daemon = True
                self._timer.start()

    def show_safe_state(self) -> None:
        """Set the value of the safe state."""
        with self._lock:
            self._end_pulse()
            self._set(self._config.safe_state)

    def status(self) -> OutputStatus:
        """The last action, and the one that the device reports."""
        with self._lock:
            shown: Action | None = None
            fault = self._fault
            if self._open and not fault and self._config.read_back:
                try:
                    shown = self._action_of(self._level.read())
                except DeviceError as error:
                    fault = str(error)
            return OutputStatus(self._commanded, shown, fault, self._written, self._failed)

    def close(self) -> None:
        """Leave the safe state behind, where the device answers."""
        with self._lock:
            self._end_pulse()
            if self._open:
                try:
                    self._set(self._config.safe_state)
                except DeviceError as error:
                    self._fault = str(error)
            self._open = False
            self._level.close()

    def _set(self, action: Action) -> None:
        if not self._open:
            raise DeviceError("not open", where=self._where, cure="open it first")
        value = self._config.value_of(action)
        self._commanded = action
        try:
            self._level.write(value)
            found = self._level.read() if self._config.read_back else value
        except DeviceError as error:
            self._fault = str(error)
            raise
        if found != value:
            self._fault = f"was set to {value} and reads {found}"
            cure = "check who else drives it, and its wiring"
            raise DeviceError(self._fault, where=self._where, cure=cure)
        self._fault = ""

    def _fall_back(self) -> None:
        with self._lock:
            if self._timer is threading.current_thread() and self._open:
                self._timer = None
                try:
                    self._level.write(self._config.accept_value)
                except DeviceError as error:
                    self._fault = f"a pulse could not be ended: {error}"

    def _end_pulse(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _action_of(self, value: int) -> Action | None:
        if self._commanded is not None and value == self._config.value_of(self._commanded):
            return self._commanded
        actions: tuple[Action, ...] = ("accept", "reject", "stop")
        return next((one for one in actions if self._config.value_of(one) == value), None)
