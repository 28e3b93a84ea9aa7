"""The station's view of a camera's picture: what is cut and turned lies where it was drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.capture.source import EndOfSource
from edge_agent.capture.view import ViewedSource, ViewTable, seen_by
from edge_agent.contracts.core.types import Frame, Item, Unreadable


def test_an_upright_view_is_a_cut() -> None:
    image = np.random.default_rng(1).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    found = seen_by(image, ViewTable(left=0.25, top=0.5, width=0.5, height=0.25))
    assert (found == image[60:90, 50:150]).all()
    assert found.flags.c_contiguous
    assert (seen_by(image, ViewTable()) == image).all()


@pytest.mark.parametrize("turn_deg", [-30.0, 12.5, 90.0])
def test_a_turned_rectangle_is_straight_in_the_view(turn_deg: float) -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    corners = cv2.boxPoints(((149.5, 149.5), (120.0, 60.0), turn_deg))
    cv2.fillPoly(image, [np.rint(corners).astype(np.int32)], (255, 255, 255))
    view = ViewTable(left=0.25, top=0.25, width=0.5, height=0.5, turn_deg=turn_deg)
    found = seen_by(image, view)[..., 0] > 127
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    assert abs(np.ptp(columns) - 120) <= 3
    assert abs(np.ptp(rows) - 60) <= 3
    assert found[rows[0] : rows[-1], columns[0] : columns[-1]].mean() > 0.95


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1000)])
def test_a_view_of_a_tiny_picture_has_a_pixel(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    for turn_deg in (0.0, 20.0):
        view = ViewTable(left=0.9, top=0.9, width=0.1, height=0.1, turn_deg=turn_deg)
        assert min(seen_by(image, view).shape[:2]) >= 1


@pytest.mark.parametrize(
    "table", [{"left": 0.6, "width": 0.5}, {"top": 0.9, "height": 0.2}, {"width": 0}]
)
def test_a_view_beyond_the_picture_is_refused(table: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=r"must lie in the picture|greater than"):
        ViewTable.model_validate(table)


class Camera:
    live = True

    def __init__(self) -> None:
        frame = Frame(np.zeros((100, 100, 3), np.uint8), 7, 8, 9, part_id="p1")
        self.items: list[Item] = [frame, Unreadable("broken", 1, 2, 3, part_id="p2")]
        self.calls: list[str] = []

    def open(self) -> None:
        self.calls.append("open")

    def next(self, timeout_s: float) -> Item | None:
        if not self.items:
            raise EndOfSource
        return self.items.pop(0)

    def unfinished(self) -> list[Item]:
        return [Unreadable("announced", 1, 2, 3, part_id="p3")]

    def close(self) -> None:
        self.calls.append("close")


def test_a_viewed_camera_gives_the_view_and_changes_nothing_else() -> None:
    camera = Camera()
    source = ViewedSource(camera, ViewTable(width=0.5, height=0.2))
    source.open()
    frame, unreadable = source.next(1), source.next(1)
    assert isinstance(frame, Frame)
    assert frame.image.shape == (20, 50, 3)
    assert (frame.captured_at_ns, frame.mono_ns, frame.seq, frame.part_id) == (7, 8, 9, "p1")
    assert isinstance(unreadable, Unreadable)
    assert [item.part_id for item in source.unfinished()] == ["p3"]
    with pytest.raises(EndOfSource):
        source.next(1)
    source.close()
    assert (camera.calls, source.live) == (["open", "close"], True)
