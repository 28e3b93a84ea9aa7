"""Commissioning on the page: what it shows and takes, and what does it (station/setup)."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from pydantic import Field

from edge_agent.contracts.core.strict import Strict

Value: TypeAlias = str | int | float | bool
Plain: TypeAlias = Value | list[Value]
Setting: TypeAlias = Plain | dict[str, Plain | dict[str, Plain]]
"""A value of a table of station.toml, which may be a table itself."""

LEAST, MOST = 120, 100_000
"""Good parts to learn from."""


class Device(Strict):
    """A camera that a driver found. table: its `[channel.source]`; fault: with the cure."""

    driver: str
    name: str
    where: str
    able: list[str]
    table: dict[str, Value]
    fault: str


class Devices(Strict):
    """Every camera, the simulated one last."""

    devices: list[Device]


class Choice(Strict):
    """What the integrator chose: tables of station.toml; empty: no trigger, no output, no view."""

    station: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    bundle: str = Field(max_length=400, description="one of the bundles of the view")
    source: dict[str, Setting] = Field(max_length=40)
    view: dict[str, float] = Field(default_factory=dict, max_length=5)
    trigger: dict[str, Setting] = Field(default_factory=dict, max_length=40)
    output: dict[str, Setting] = Field(default_factory=dict, max_length=40)


class FormField(Strict):
    """One setting of a driver. unit: by the end of its name; help: English; fields: of a table.

    least, most: bounds; is_beyond: whether they do not belong to what is allowed themselves.
    """

    name: str
    kind: Literal["text", "word", "integer", "number", "flag", "choice", "choices", "words",
                  "numbers", "region", "table"]  # fmt: skip
    help: str
    required: bool
    default: Plain | None
    unit: str
    least: float | None
    most: float | None
    is_beyond: bool
    longest: int | None
    choices: list[Value]
    fields: list[FormField]


class Form(Strict):
    """The settings of one driver; fault: why it cannot be used here, or empty."""

    driver: str
    fields: list[FormField]
    fault: str


class Forms(Strict):
    """A form for every driver. in_chinese: of each help."""

    in_chinese: dict[str, str]
    source: list[Form]
    trigger: list[Form]
    output: list[Form]


class FieldFault(Strict):
    """What is wrong with one setting. part: source, view, trigger, output, or empty: the whole.

    kind: of the fault, for words in another language; bound: what was broken; text: English.
    """

    part: Literal["", "source", "view", "trigger", "output"]
    place: list[str]
    kind: str
    bound: str
    text: str


class FieldFaults(Strict):
    """Everything that is wrong with a choice; nothing: it can be used."""

    faults: list[FieldFault]


class Live(Strict):
    """Whether the camera shows its picture."""

    on: bool


class Learn(Strict):
    """Let good parts pass: that many are learnt."""

    parts: int = Field(default=300, ge=LEAST, le=MOST)


class Press(Strict):
    """Move the output once."""

    action: Literal["accept", "reject"]


class Pressed(Strict):
    """commanded, read_back: what the output was told, and what its device reports; or nothing."""

    commanded: str
    read_back: str


class Gauge(Strict):
    """sharpness: against the best since the camera was opened, 0-1; light: mean grey, 0-255."""

    sharpness: float
    light: float
    exposure: Literal["good", "dark", "bright"]
    size: str


class LearntLimit(Strict):
    """What a value is on good parts, and how far it may stray."""

    name: str
    level: float
    reach: float


class TriggerTest(Strict):
    """What came of the trigger. first_s: seconds until the first part; fault: or empty."""

    events: int
    first_s: float | None
    fault: str


class CommissionView(Strict):
    """Everything of the screen Commission.

    region: of the bundle, as shares of width and height (left, top, width, height); fault: why the
    choice, the camera or the learning does not work; difference: of station.toml, unified.
    """

    choice: Choice | None
    bundles: list[str]
    is_live: bool
    gauge: Gauge | None
    region: list[float]
    learning: int
    wanted: int
    is_learning: bool
    limits: list[LearntLimit]
    remarks: list[str]
    fault: str
    difference: str
    is_written: bool
    can_undo: bool


class Commissioner(Protocol):
    """Does it; raises RefusedError, or a LinesideError of the device."""

    def view(self) -> CommissionView: ...

    def devices(self) -> Devices: ...

    def forms(self) -> Forms: ...

    def check(self, choice: Choice) -> FieldFaults: ...

    def choose(self, choice: Choice) -> None: ...

    def live(self, on: bool) -> None: ...

    def try_trigger(self) -> TriggerTest: ...

    def press(self, who: str, action: Literal["accept", "reject"]) -> Pressed: ...

    def learn(self, parts: int) -> None: ...

    def write(self, who: str) -> None: ...

    def undo(self, who: str) -> None: ...

    def start(self, who: str) -> None: ...
