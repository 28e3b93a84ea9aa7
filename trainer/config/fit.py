"""How a fit goes: the schema of `--config FILE` and of a run's config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.target_cost import find_cost

ImageAugmentation = Literal[
    "flip", "rotate", "brightness", "scale", "blur", "glare", "dust", "belt", "exposure"
]
VibrationAugmentation = Literal["gain", "noise"]


Scalar = str | int | float | bool

MOST_SIZE_PX = 1024

Share = Annotated[float, Field(ge=0, le=1)]


class ImageTable(Strict):
    """[image]: the input of an image model, and the augmentation of training images."""

    size_px: int = Field(
        default=0, ge=0, le=MOST_SIZE_PX, description="side length; 0: the model's own"
    )
    channels: Literal[1, 3] = Field(default=3, description="3 RGB, 1 grey")
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    standardise: bool | None = Field(
        default=None,
        description="the same mean and spread of grey levels in every picture, so that lamps and "
        "exposures may change; left out: tried on training parts where the model has a trial",
    )
    augment: list[ImageAugmentation] = Field(
        default=["flip", "rotate", "brightness"],
        description="variations that do not change the label; [] for none; glare, dust, belt and "
        "exposure are the line's own",
    )
    region: list[Share] = Field(
        default=[0.0, 0.0, 1.0, 1.0],
        min_length=4,
        max_length=4,
        description="left, top, width, height of what is looked at, as shares of the frame",
    )
    tile_rows: int = Field(default=1, ge=1, le=16, description="cut the region; detectors only")
    tile_columns: int = Field(default=1, ge=1, le=16, description="cut the region; detectors only")
    tile_overlap: float = Field(default=0.1, ge=0, le=0.5, description="of a tile's side")
    cut_out: bool | None = Field(
        default=None,
        description="cut the part out of the region, wherever it lies on a calm ground; left out: "
        "compared where good parts are small in their frames",
    )
    align: bool | None = Field(
        default=None,
        description="move each part to where a typical one lies; left out: detectors compare it "
        "where good parts lie anyhow",
    )
    align_turn_deg: float = Field(default=0, ge=0, le=180, description="largest turn either way")
    align_shift: float = Field(
        default=0.15, gt=0, le=0.5, description="largest shift, as a share of the frame"
    )

    @model_validator(mode="after")
    def _moves_once(self) -> Self:
        if self.align and self.cut_out:
            raise ValueError("a part is either aligned or cut out: leave one of align, cut_out out")
        return self

    @model_validator(mode="after")
    def _stretches_what_is_cut_out(self) -> Self:
        if self.cut_out and self.fit != "stretch":
            raise ValueError(
                'the box of a part that is cut out is stretched: set fit = "stretch", or leave '
                "cut_out out"
            )
        return self


class VibrationTable(Strict):
    """[vibration]: the input of a vibration model, and the augmentation of training windows."""

    rate_hz: float = Field(default=0, ge=0, description="the model's rate; 0: the data set's own")
    window_samples: int = Field(default=0, ge=0, le=1 << 17, description="0: the model's own")
    hop_samples: int = Field(default=0, ge=0, le=1 << 17, description="0: one window")
    detrend: Literal["none", "mean"] = "mean"
    augment: list[VibrationAugmentation] = Field(default=["gain", "noise"])


class AcceptanceTable(Strict):
    """[acceptance]: what the report must prove of the verdicts; left out: 1 % each."""

    max_escape: float | None = Field(
        default=None, gt=0, lt=1, description="share of the defective parts that may pass"
    )
    max_false_reject: float | None = Field(
        default=None, gt=0, lt=1, description="share of the good parts that may be rejected"
    )


TARGET = "x86"
"""What a budget is for where no target is named."""


class FitConfig(Strict):
    """A fit. What the command line gives overrides the file."""

    @model_validator(mode="before")
    @classmethod
    def _own_backbone(cls, document: object) -> object:
        """`backbone` was an option of `transfer` in the release before: it is accepted there."""
        options = document.get("options") if isinstance(document, Mapping) else None
        if not isinstance(document, Mapping) or not isinstance(options, Mapping):
            return document
        if "backbone" not in options or "backbone" in document:
            return document
        rest = {name: value for name, value in options.items() if name != "backbone"}
        return {**document, "backbone": options["backbone"], "options": rest}

    model: str = Field(default="auto", description="a name of trainer/models; auto: by the task")
    weights: str = Field(
        default="auto",
        description="a backbone's name, imagenet (a download), a file, or none; auto, for images: "
        "a file of the user's folder, else the packaged ones",
    )
    backbone: str = Field(
        default="auto",
        description="the ImageNet network of image models; auto: the one that the weights are of",
    )
    seed: int = Field(default=1, ge=0, le=2**31 - 1)
    epochs: int = Field(default=0, ge=0, le=10_000, description="at most; 0: the model's own")
    batch: int = Field(
        default=0, ge=0, le=4096, description="samples in a step; 0: the model's own"
    )
    learning_rate: float = Field(default=0, ge=0, le=1, description="0: the model's own")
    patience: int = Field(
        default=0, ge=0, description="epochs without progress before the end; 0: half of them"
    )
    class_weights: bool = Field(default=True, description="rare classes weigh more")
    oversample: bool = Field(
        default=False, description="rare classes are shown more often; replaces class_weights"
    )
    group_weights: bool = Field(
        default=True, description="a group of n samples weighs as the square root of n"
    )
    group: str | None = Field(default=None, description="overrides dataset.toml")
    fold: str | None = Field(default=None, description="overrides dataset.toml")
    held_out: list[str] = Field(
        default=[], description="fold or group values held out as the test split"
    )
    test_fraction: float = Field(default=0.2, gt=0, lt=0.9)
    val_fraction: float = Field(default=0.2, gt=0, lt=0.9)
    false_alarms: float | None = Field(
        default=None,
        gt=0,
        lt=0.5,
        description="share of normal readings of a watched machine (vibration, or rows of an "
        "anomaly detector) that may raise an alarm; k of n is chosen to hold it. Absent: each "
        "reading is judged alone, as parts must be",
    )
    target: str | None = Field(
        default=None, description="the board of the station; the model is chosen to fit its time"
    )
    budget_ms: float | None = Field(
        default=None,
        gt=0,
        description="what one frame or window may take there; left out: as the target's row says",
    )
    image: ImageTable = ImageTable()
    vibration: VibrationTable = VibrationTable()
    acceptance: AcceptanceTable = AcceptanceTable()
    options: dict[str, Scalar | list[Scalar]] = Field(
        default={}, description="options of the chosen model"
    )

    def with_image(self, **changes: object) -> FitConfig:
        """The same with other fields of `[image]`; their values are not validated."""
        return self.model_copy(update={"image": self.image.model_copy(update=changes)})

    @property
    def budget(self) -> tuple[str, float] | None:
        """(target, ms of a frame or window there); None where neither is given."""
        if self.target is None and self.budget_ms is None:
            return None
        target = self.target or TARGET
        return target, self.budget_ms or find_cost(target).budget_ms
