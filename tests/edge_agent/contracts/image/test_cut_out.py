"""A part is found wherever it lies and shown at the frame's detail; else the frame is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.alignment import make_alignment
from edge_agent.contracts.image.cut_out import (
    MOST_CELLS,
    CutOut,
    NoPartError,
    Place,
    axes_of,
    cut,
    find_part,
    heat_over,
)
from edge_agent.contracts.image.input import ImageInput, Region

BAR = CutOut(
    along=0.3, across=0.1, turned=True, least_area=0.005, most_area=0.03, least_contrast=20
)
DISC = BAR.model_copy(update={"along": 0.2, "across": 0.2, "turned": False})
WIDTH, HEIGHT = 800, 600


def bars(*placed: tuple[float, float, float], long: int = 180, grey: int = 60) -> Image:
    """Dark bars, 36 px wide, their middles at (x, y), turned clockwise, on a ground in uneven
    light.
    """
    frame = np.repeat(np.linspace(150, 210, WIDTH)[None], HEIGHT, axis=0)
    frame = np.repeat(frame[:, :, None], 3, axis=2).astype(np.uint8)
    for x, y, turn_deg in placed:
        corners = cv2.boxPoints(((float(x), float(y)), (float(long), 36.0), turn_deg))
        sixteenths = np.rint(corners * 16).astype(np.int32)
        cv2.fillPoly(frame, [sixteenths], (grey, grey, grey), cv2.LINE_AA, 4)
    return frame


@pytest.mark.parametrize("turn_deg", [-77.0, -30.0, 0.0, 12.5, 45.0, 88.0])
def test_a_part_is_found_and_laid_along_the_box(turn_deg: float) -> None:
    frame = bars((430.0, 250.0, turn_deg))
    place = find_part(frame, BAR)
    away = (place.turn_deg - turn_deg + 90) % 180 - 90
    assert abs(away) <= 1
    assert place.x * WIDTH == pytest.approx(430.5, abs=1.5)
    assert place.y * WIDTH == pytest.approx(250.5, abs=1.5)
    dark = cut(frame, place, BAR)[:, :, 0] < 100
    assert dark.shape == (80, 240)
    rows, columns = np.nonzero(dark)
    np.testing.assert_allclose([np.ptp(columns) + 1, np.ptp(rows) + 1], [180, 36], atol=5)


@pytest.mark.parametrize("turn_deg", [-77.0, 0.0, 12.5, 90.0])
def test_a_turned_part_is_laid_along_its_axes_as_opencv_turns_it_back(turn_deg: float) -> None:
    """OpenCV turns anticlockwise, which lays flat what lies clockwise."""
    back = cv2.getRotationMatrix2D((0.0, 0.0), turn_deg, 1.0)[:, :2]
    np.testing.assert_allclose(axes_of(turn_deg), back, atol=1e-12)


def test_the_same_part_gives_the_same_picture_however_it_lies() -> None:
    shown = [
        cut(frame, find_part(frame, BAR), BAR).astype(float)
        for frame in (bars((400.0, 300.0, 0.0)), bars((250.0, 350.0, 63.0)))
    ]
    inside = (slice(25, 55), slice(40, 200))
    assert np.abs(shown[0][inside] - shown[1][inside]).mean() < 2


def wedge(turn_deg: float, *, shiny: bool = False) -> Image:
    """A dark wedge, its point at turn_deg clockwise from the right, on an even ground; shiny: a
    stripe off its middle is as bright as the ground.
    """
    frame = np.full((HEIGHT, WIDTH, 3), 180, np.uint8)
    turn = np.radians(turn_deg)
    to_frame = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shapes = [([(-90, -24), (-90, 24), (90, 6), (90, -6)], 60)]
    if shiny:
        shapes.append(([(-60, -4), (-60, 14), (10, 8), (10, -4)], 180))
    for corners, grey in shapes:
        laid = np.array(corners) @ to_frame.T + (400, 300)
        sixteenths = np.rint(laid * 16).astype(np.int32)
        cv2.fillPoly(frame, [sixteenths], (grey, grey, grey), cv2.LINE_AA, 4)
    return frame


@pytest.mark.parametrize("turn_deg", [-170, -100, -89, -45, 0, 30, 89, 91, 150, 180])
@pytest.mark.parametrize("shiny", [False, True])
def test_the_heavier_end_lies_to_the_left(turn_deg: float, *, shiny: bool) -> None:
    box = BAR.model_copy(update={"heavy_end_left": True})
    frame = wedge(turn_deg, shiny=shiny)
    place = find_part(frame, box)
    assert abs((place.turn_deg - turn_deg + 180) % 360 - 180) <= 1
    dark = cut(frame, place, box)[:, :, 0] < 100
    assert dark[:, :90].sum() > 1.3 * dark[:, -90:].sum()


@pytest.mark.parametrize("around_deg", [-90.0, -20.0, 0.0, 90.0])
def test_parts_whose_ends_are_alike_do_not_flip_near_their_usual_turn(around_deg: float) -> None:
    """The axis of a part that stands is -89 or 91 degrees: two pictures."""
    box = BAR.model_copy(update={"around_deg": around_deg})
    for off in (-60.0, -1.0, -0.25, 0.0, 0.25, 1.0, 60.0):
        place = find_part(bars((400.0, 300.0, around_deg + off)), box)
        assert place.turn_deg == pytest.approx(around_deg + off, abs=1)


def test_a_turned_part_is_equally_sharp_at_every_angle() -> None:
    rng = np.random.default_rng(7)
    grain = rng.normal(0, 8, (HEIGHT, WIDTH, 1))
    frame = np.clip(np.rint(np.full((HEIGHT, WIDTH, 3), 128.0) + grain), 0, 255).astype(np.uint8)
    turns = (0.0, 0.25, 10.0, 45.0, 89.5, 90.0, -90.0, 180.0)
    places = [Place(x, y, turn) for turn in turns for x, y in ((0.5, 0.4), (0.4502, 0.3803))]
    spreads = [float(cut(frame, place, BAR).std()) for place in places]
    assert max(spreads) < 1.25 * min(spreads)
    assert min(spreads) > 0.4 * 8


def test_a_box_near_the_edge_shows_what_the_whole_frame_shows() -> None:
    """Beyond its edge the frame goes on."""
    noise = np.random.default_rng(3).normal(0, 1, (HEIGHT, WIDTH, 3))
    frame = np.clip(128 + 900 * cv2.GaussianBlur(noise, (0, 0), 8), 0, 255).astype(np.uint8)
    padded = cv2.copyMakeBorder(frame, 100, 100, 100, 100, cv2.BORDER_REPLICATE)
    box = BAR.model_copy(update={"along": 0.3 * 0.8, "across": 0.1 * 0.8})
    for x, y, turn in ((30.0, 40.0, 35.0), (770.0, 590.0, -120.0), (400.0, 3.0, 0.0)):
        shown = cut(frame, Place((x + 0.5) / WIDTH, (y + 0.5) / WIDTH, turn), BAR)
        wide = WIDTH + 200
        place = Place((x + 100.5) / wide, (y + 100.5) / wide, turn)
        np.testing.assert_allclose(shown, cut(padded, place, box), atol=2)


def test_what_is_not_turned_is_the_frames_own_pixels() -> None:
    frame = bars()
    cv2.circle(frame, (300, 200), 40, (30, 60, 90), -1)
    shown = cut(frame, find_part(frame, DISC), DISC)
    np.testing.assert_array_equal(shown, frame[120:280, 220:380])


def test_a_box_that_leaves_the_frame_goes_on_with_its_edge() -> None:
    frame = bars()
    cv2.circle(frame, (50, 200), 40, (30, 60, 90), -1)
    shown = cut(frame, find_part(frame, DISC), DISC)
    assert shown.shape == (160, 160, 3)
    np.testing.assert_array_equal(shown[:, 0], shown[:, 20])


@pytest.mark.parametrize(
    ("frame", "what"),
    [
        (bars(), "no part stands out of the ground"),
        (bars((200, 200, 0), (500, 400, 30)), "2 parts in one frame"),
        (bars((60, 300, 0)), "the part is partly outside the frame"),
        (bars((400, 300, 0), long=50), "the largest piece covers 0.40%"),
        (bars((400, 300, 0), long=500), "one part at most 3.00%"),
        (bars((400, 300, 0), grey=165), "no part stands out of the ground"),
    ],
    ids=["empty", "two", "outside", "small", "large", "faint"],
)
def test_a_frame_without_one_whole_part_is_refused(frame: Image, what: str) -> None:
    with pytest.raises(NoPartError, match=what) as refused:
        find_part(frame, BAR)
    assert "one whole part" in str(refused.value)


def test_heat_lies_where_the_part_lies() -> None:
    """A defect at one end of a bar, on the map of the box and in the frame as it came."""
    for turn_deg in (0.0, 50.0, -80.0):
        frame = bars((430.0, 250.0, turn_deg))
        place = find_part(frame, BAR)
        heat = np.zeros((16, 48), np.float32)
        heat[7:9, 40:42] = 5
        over = heat_over(heat, place, BAR, frame.shape[:2])
        row, column = np.unravel_index(int(over.argmax()), over.shape)
        cell = WIDTH / over.shape[1]
        turn = np.radians(place.turn_deg)
        away = (41 / 48 - 0.5) * 0.3 * WIDTH
        expected = (430 + away * np.cos(turn), 250 + away * np.sin(turn))
        np.testing.assert_allclose(
            ((column + 0.5) * cell, (row + 0.5) * cell), expected, atol=1.5 * cell
        )
        assert over.shape == (120, 160)


def test_an_input_cuts_the_part_out_of_its_region() -> None:
    spec = ImageInput(
        width_px=96, height_px=32, cut_out=BAR, region=Region(left=0.5, width=0.5), shrink="halves"
    )
    frame = bars((600.0, 300.0, 40.0), (200.0, 300.0, 0.0), long=90)
    whole = spec.prepare(frame)
    part = ImageInput(width_px=96, height_px=32, cut_out=BAR, shrink="halves")
    np.testing.assert_array_equal(whole, part.prepare(np.ascontiguousarray(frame[:, 400:])))
    _, place = spec.prepare_posed(frame)
    assert isinstance(place, Place)
    over = spec.heat_over_frame(np.zeros((4, 12), np.float32), place, frame)
    assert over.shape == (60, 40)
    with pytest.raises(NoPartError):
        spec.prepare(bars((200.0, 300.0, 0.0)))


def test_a_part_is_not_moved_twice() -> None:
    with pytest.raises(ValidationError, match="either aligned or cut out"):
        ImageInput(width_px=32, height_px=32, cut_out=BAR, align=make_alignment(bars()))


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_box_is_neither_padded_nor_cropped(fit: str) -> None:
    """The network's heat map is laid where the box lies: it must cover the box, no more or less."""
    spec = ImageInput(width_px=32, height_px=32, cut_out=BAR).model_dump()
    with pytest.raises(ValidationError, match=f'cut out is stretched: fit is "{fit}", and must be'):
        ImageInput.model_validate(spec | {"fit": fit})
    assert ImageInput.model_validate(spec).fit == "stretch"
    assert ImageInput.model_validate(spec | {"fit": fit, "cut_out": None}).fit == fit


def test_limits_within_which_nothing_is_a_part_are_refused() -> None:
    with pytest.raises(ValidationError, match="least_area is above most_area"):
        CutOut.model_validate(BAR.model_dump() | {"least_area": 0.2})


def test_heat_over_the_frame_has_no_more_cells_than_the_frame_pixels() -> None:
    dot = BAR.model_copy(update={"along": 0.001, "across": 0.001})
    over = heat_over(np.ones((40, 40), np.float32), Place(0.5, 0.4), dot, (60, 80))
    assert over.shape == (60, 80)


@pytest.mark.parametrize("turn_deg", [0.0, 37.0, -80.0])
@pytest.mark.parametrize("frame", [(3000, 4000), (4000, 3000), (3000, 700)])
@pytest.mark.parametrize("cells", [(40, 160), (160, 160)], ids=["flat", "square"])
def test_heat_of_a_small_box_stays_a_small_map(
    cells: tuple[int, int], frame: tuple[int, int], turn_deg: float
) -> None:
    """One hot cell, which lies where it did and is as hot, though the map's cells are larger."""
    small = BAR.model_copy(update={"along": 0.05, "across": 0.05 * cells[0] / cells[1]})
    heat = np.random.default_rng(5).uniform(0.5, 1, cells).astype(np.float32)
    row, column = cells[0] // 3, 139
    heat[row, column] = 5
    height, width = frame
    over = heat_over(heat, Place(0.52, 0.41, turn_deg), small, frame)
    assert max(over.shape) == MOST_CELLS
    assert over.shape[0] / over.shape[1] == pytest.approx(height / width, rel=0.01)
    assert over.max() == pytest.approx(5, rel=0.2)
    assert over.min() == heat.min()
    turn = np.radians(turn_deg)
    to_frame = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    away = [(column + 0.5) / cells[1] - 0.5, ((row + 0.5) / cells[0] - 0.5) * cells[0] / cells[1]]
    x, y = to_frame @ away * 0.05 * width + np.array([0.52, 0.41]) * width
    down, across = np.unravel_index(int(over.argmax()), over.shape)
    cell = width / over.shape[1]
    np.testing.assert_allclose(((across + 0.5) * cell, (down + 0.5) * cell), (x, y), atol=cell)


def test_heat_outside_the_frame_is_not_laid() -> None:
    heat = np.arange(160 * 160, dtype=np.float32).reshape(160, 160)
    small = BAR.model_copy(update={"along": 0.05, "across": 0.05})
    over = heat_over(heat, Place(0.01, 0.01), small, (3000, 4000))
    assert over.shape == (384, 512)
    assert over[:2, :2].max() < over.max() == heat.max()
    over = heat_over(heat, Place(0.99, 0.74), small, (3000, 4000))
    assert over[-1, -1] == over.max() < heat.max()
