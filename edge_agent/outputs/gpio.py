"""A pin of a GPIO chip (Linux character device, libgpiod 2) as an output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import GPIOD, Library, missing_extra
from edge_agent.outputs.level import LevelOutput, LevelTable
from edge_agent.outputs.output import OutputDriver

if TYPE_CHECKING:
    import gpiod


class GpioOutputTable(LevelTable):
    """A pin that is set for each decision: 0 inactive, 1 active.

    When the station is killed the kernel gives the pin back; wire the gate so that a pin without
    a driver is the safe state.
    """

    driver: Literal["gpio"]
    chip: str = Field(default="/dev/gpiochip0", description="path of the chip")
    line: int | str = Field(description="number, or name as `gpioinfo` lists it")
    active_low: bool = Field(default=False, description="active is the low voltage")
    drive: Literal["push-pull", "open-drain", "open-source"] = Field(
        default="push-pull", description="how the pin is driven"
    )
    accept_value: int = Field(default=0, ge=0, le=1, description="value that lets a part pass")
    reject_value: int = Field(default=1, ge=0, le=1, description="value that rejects a part")
    stop_value: int = Field(default=1, ge=0, le=1, description="value that stops the line")

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (GPIOD,)


class GpioPin:
    """One requested line."""

    def __init__(self, config: GpioOutputTable, name: str) -> None:
        self._config = config
        self._where = f"output {name} ({config.chip} line {config.line})"
        self._name = name
        self._request: gpiod.LineRequest | None = None

    def open(self) -> None:
        """Request the line, at once with the value of its safe state: no other is ever shown."""
        self.close()
        try:
            import gpiod
            from gpiod.line import Direction, Drive, Value
        except ImportError as error:
            raise missing_extra("gpiod", "gpio", self._where) from error
        config = self._config
        drives = {
            "push-pull": Drive.PUSH_PULL,
            "open-drain": Drive.OPEN_DRAIN,
            "open-source": Drive.OPEN_SOURCE,
        }
        settings = gpiod.LineSettings(
            direction=Direction.OUTPUT,
            active_low=config.active_low,
            drive=drives[config.drive],
            output_value=Value(config.value_of(config.safe_state)),
        )
        try:
            self._request = gpiod.request_lines(
                config.chip, {config.line: settings}, consumer=f"lineside-{self._name}"
            )
        except (OSError, ValueError) as error:
            raise self._error(f"cannot be had ({error})") from error

    def write(self, value: int) -> None:
        """Set the line."""
        from gpiod.line import Value

        try:
            self._line().set_value(self._config.line, Value(value))
        except OSError as error:
            raise self._error(f"cannot be set ({error})") from error

    def read(self) -> int:
        """Read the line."""
        from gpiod.line import Value

        try:
            return int(self._line().get_value(self._config.line) == Value.ACTIVE)
        except OSError as error:
            raise self._error(f"cannot be read ({error})") from error

    def close(self) -> None:
        """Give the line back."""
        request, self._request = self._request, None
        if request is not None:
            request.release()

    def _line(self) -> gpiod.LineRequest:
        if self._request is None:
            raise self._error("is not open")
        return self._request

    def _error(self, what: str) -> DeviceError:
        cure = "look at it with `gpioinfo`; the user needs the group gpio"
        return DeviceError(what, where=self._where, cure=cure)


class GpioOutput(LevelOutput):
    """Drives the pin."""

    def __init__(self, config: GpioOutputTable, *, name: str, clock: Clock) -> None:
        del clock
        super().__init__(config, GpioPin(config, name), name)


DRIVER = OutputDriver(GpioOutputTable, GpioOutput, reads_back=True)
