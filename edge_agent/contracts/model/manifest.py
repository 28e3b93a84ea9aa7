"""The manifest: what binds a model to its input, its labels, its threshold and its files.

`ModelSpec` is written by the trainer (`spec.json`), carried unchanged by the quantiser, and
obeyed by the station. `Manifest` adds what only the finished bundle knows.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.image.familiarity import Familiarity
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.needs_baseline import NeedsBaseline
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.vibration.conditions import KnownConditions
from edge_agent.contracts.vibration.input import VibrationInput

FORMAT_VERSION = 6
"""The bundle format this code writes. Every key that a manifest did not have before makes a new
one: an agent refuses what it does not know."""
FORMATS_READ = (1, 2, 3, 4, 5, FORMAT_VERSION)
OLDEST_AGENT = "0.6.0"
"""The oldest version of Lineside that reads FORMAT_VERSION; it stands in every manifest.
A version that reads a format less never names itself so: a new format makes a new version."""

Task = Literal[
    "image-class",
    "image-anomaly",
    "vibration-class",
    "vibration-anomaly",
    "tabular-class",
    "tabular-anomaly",
    "tabular-regression",
]

InputSpec: TypeAlias = ImageInput | VibrationInput | TabularInput
"""What a model takes; each has shape, prepare(raw) and join_heat(heats)."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
VERSION_PATTERN = r"[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}"
"""ASCII digits: those of other scripts would make two versions of equal rank."""
Version = Annotated[str, Field(pattern=rf"^{VERSION_PATTERN}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ModelSpec(Strict):
    """What a model takes and how its output is read."""

    name: Name
    task: Task
    architecture: str
    labels: list[str] = Field(min_length=1, description="in the order of the network's outputs")
    good: list[str] = Field(description="the labels of a good part; empty: every label is a defect")
    input: Annotated[InputSpec, Field(discriminator="kind")]
    scoring: Scoring
    familiarity: Familiarity | None = Field(
        default=None, description="images only: unlike the training images is NO-VERDICT"
    )

    conditions: KnownConditions | None = Field(
        default=None, description="detectors of vibration: another one needs a baseline"
    )

    @model_validator(mode="after")
    def _good_is_known(self) -> Self:
        unknown = sorted(set(self.good) - set(self.labels))
        if unknown:
            raise ValueError(f"good label {unknown[0]!r} is not among the labels {self.labels}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels repeat: {self.labels}")
        if self.familiarity is not None and not isinstance(self.input, ImageInput):
            raise ValueError("only an image model has a gate of familiarity")
        if self.conditions is not None and not self._fit_the_input(self.conditions):
            raise ValueError("the known conditions have other features than the input")
        if self.scoring.kind == "logits" and set(self.good) == set(self.labels):
            raise ValueError(f"every label is good ({self.labels}): no part could ever fail")
        return self

    @property
    def cuts_out(self) -> bool:
        """Whether parts are cut out of their frames."""
        return isinstance(self.input, ImageInput) and self.input.cut_out is not None

    def saw_no_part(self, needs: NeedsBaseline) -> bool:
        """Whether the frame of a sample that needs this shows no part that could be cut out: what
        the network made of it says nothing.
        """
        return self.cuts_out and needs == "always"

    def _fit_the_input(self, known: KnownConditions) -> bool:
        if not isinstance(self.input, VibrationInput) or self.input.standard is None:
            return False
        if len(known.spread) != len(self.input.standard.spread):
            return False
        size = 0 if known.lines is None else known.lines.bins * len(self.input.axes)
        has_lines = known.lines is None or bool(known.known_lines)
        return has_lines and all(len(one) == size for one in known.known_lines)


class TensorSpec(Strict):
    """One tensor of model.tflite as the runtime must report it."""

    shape: list[int]
    dtype: Literal["uint8", "int8", "int16", "float32"]
    scale: float = 0.0
    zero_point: int = 0


class Provenance(Strict):
    """Where the model came from."""

    dataset_sha256: Sha256
    training_samples: int = Field(ge=0)
    held_out_samples: int = Field(ge=0)
    seed: int
    created_at: str = Field(description="UTC, ISO 8601")
    trained_with: dict[str, str] = Field(default_factory=dict, description="package versions")


class FileEntry(Strict):
    """One further file of the bundle."""

    sha256: Sha256
    bytes: int = Field(ge=0)


class Manifest(Strict):
    """manifest.json of a bundle. `format` and `oldest_agent` are read by every version."""

    format: int
    oldest_agent: Version = Field(
        default="0.0.0", description="the oldest version of Lineside that reads this bundle"
    )
    version: Version
    spec: ModelSpec
    target: str
    runtime: str = Field(description="runtime and range, e.g. litert>=2.0")
    inputs: list[TensorSpec] = Field(min_length=1)
    outputs: list[TensorSpec] = Field(min_length=1)
    parity_quanta: int = Field(default=2, ge=0, le=8, description="allowed output difference")
    waived: list[str] = Field(default_factory=list, description="gate limits waived by --allow")
    provenance: Provenance
    files: dict[str, FileEntry]

    @model_validator(mode="after")
    def _paths_stay_inside(self) -> Self:
        for name in self.files:
            if not is_safe_path(name):
                raise ValueError(f"{name!r} leads outside the bundle")
        return self


def is_safe_path(name: str) -> bool:
    """Whether `name` is a plain relative path: no root, no '..', no drive, no backslash."""
    path = PurePosixPath(name)
    plain = bool(name) and "\\" not in name and ":" not in name and "\0" not in name
    return plain and not path.is_absolute() and ".." not in path.parts and str(path) == name


Model = TypeVar("Model", bound=BaseModel)


def parse_json(schema: type[Model], text: bytes | str, where: str) -> Model:
    """Validate JSON against `schema`; raises BundleError that names the first wrong field."""
    try:
        return schema.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(
            first_fault(error), where=where, cure="convert the run again with this version"
        ) from error


def first_fault(error: ValidationError) -> str:
    """The first fault of a pydantic error as `field: message`."""
    fault = error.errors()[0]
    field = ".".join(str(step) for step in fault["loc"])
    said = str(fault["msg"]).removeprefix("Value error, ")
    return f"{field}: {said}" if field else said
