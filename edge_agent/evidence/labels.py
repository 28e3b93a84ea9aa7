"""What people say of kept evidence: one file beside each record, removed with it.

    records/STEM.label.json    every person's last word on the item, and a report of a missed defect

Two persons who agree confirm a label; two who do not leave the item out of an export until one of
them changes his mind.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.files import storage_error, write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.evidence.folder import LABEL, records_folder, refuse_unknown

LOG = logging.getLogger("lineside.evidence")

MISSED = "missed"
"""Proposed for a part that somebody reported: it is bad, and of which kind nobody said yet."""
MOST_VOTES = 40
MOST_MARKS = 40
MOST_POINTS = 400
Pixel = Annotated[float, Field(ge=-100_000, le=100_000)]
State: TypeAlias = Literal["todo", "labelled", "confirmed", "disputed"]


class Box(Strict):
    """Where a defect is, in pixels of the picture; x, y: its upper left corner."""

    x: Pixel
    y: Pixel
    width: Pixel = Field(gt=0)
    height: Pixel = Field(gt=0)


class Stroke(Strict):
    """A line of a brush, in pixels of the picture."""

    radius: Pixel = Field(gt=0, le=2000)
    points: list[tuple[Pixel, Pixel]] = Field(min_length=1, max_length=MOST_POINTS)


class Vote(Strict):
    """One person's word on an item. label: a class; is_defect: whether it is a bad one."""

    by: str = Field(min_length=1, max_length=63)
    at_ns: int = Field(ge=0)
    label: str = Field(min_length=1, max_length=63)
    is_defect: bool
    boxes: list[Box] = Field(default_factory=list, max_length=MOST_MARKS)
    strokes: list[Stroke] = Field(default_factory=list, max_length=MOST_MARKS)


class Missed(Strict):
    """Who reported that the part is bad although it passed."""

    by: str
    at_ns: int = Field(ge=0)
    note: str = ""


class Labels(Strict):
    """Everything that was said of one item, the oldest first."""

    schema_version: Literal[1] = 1
    votes: list[Vote] = Field(default_factory=list, max_length=MOST_VOTES)
    missed: Missed | None = None

    @property
    def last(self) -> list[Vote]:
        """The last word of each person, the newest last."""
        by = {vote.by: vote for vote in self.votes}
        return sorted(by.values(), key=lambda vote: vote.at_ns)

    @property
    def state(self) -> State:
        """How far the people are with it."""
        said = {(vote.label, vote.is_defect) for vote in self.last}
        if not said:
            return "todo"
        if len(said) > 1:
            return "disputed"
        return "confirmed" if len(self.last) > 1 else "labelled"

    @property
    def agreed(self) -> Vote | None:
        """The newest word where nobody disagrees, else None."""
        return self.last[-1] if self.state in ("labelled", "confirmed") else None

    def with_vote(self, vote: Vote) -> Labels:
        """The same with one more word; the oldest goes where there are too many."""
        return self.model_copy(update={"votes": [*self.votes, vote][-MOST_VOTES:]})

    def without_last_vote(self, by: str) -> Labels:
        """The same without the last word of a person; raises InputError where there is none."""
        places = [place for place, vote in enumerate(self.votes) if vote.by == by]
        if not places:
            raise InputError(f"{by} has not labelled this item", cure="nothing is to be undone")
        rest = [vote for place, vote in enumerate(self.votes) if place != places[-1]]
        return self.model_copy(update={"votes": rest})


def label_path(folder: Path, stem: str) -> Path:
    """The file of the labels of a record."""
    return records_folder(folder) / f"{stem}{LABEL}"


def read_labels(folder: Path, stem: str) -> Labels:
    """What was said of a record; a file that cannot be read counts as nothing, and is logged."""
    path = label_path(folder, stem)
    try:
        return Labels.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Labels()
    except (OSError, ValidationError) as error:
        LOG.warning("%s: no labels of evidence (%s)", path, type(error).__name__)
        return Labels()


def write_labels(folder: Path, stem: str, labels: Labels) -> None:
    """Keep what is said of a record; raises InputError where there is none, StorageError."""
    refuse_unknown(folder, stem)
    path = label_path(folder, stem)
    if labels != Labels():
        write_atomic(path, labels.model_dump_json(exclude_defaults=True).encode())
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def draw_mask(
    shape: Sequence[int], boxes: Sequence[Box], strokes: Sequence[Stroke]
) -> NDArray[np.uint8]:
    """uint8 (H, W), 255 where the defect is; shape: (H, W, ...) of the picture."""
    mask = np.zeros((shape[0], shape[1]), np.uint8)
    for box in boxes:
        left, top = max(0, math.floor(box.x)), max(0, math.floor(box.y))
        right, bottom = math.ceil(box.x + box.width), math.ceil(box.y + box.height)
        mask[top : max(bottom, 0), left : max(right, 0)] = 255
    for stroke in strokes:
        points = np.array([[round(x), round(y)] for x, y in stroke.points], np.int32)
        thickness = max(1, round(2 * stroke.radius))
        cv2.polylines(mask, [points[:, None]], isClosed=False, color=255, thickness=thickness)
        for x, y in points.tolist():
            cv2.circle(mask, (x, y), max(1, round(stroke.radius)), 255, -1)
    return mask
