"""Parity vectors: which hard cases are made, and how far an output is pushed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.image.cut_out import CutOut, NoPartError, Place
from edge_agent.contracts.image.input import ImageInput, Region, place_of
from edge_agent.contracts.vibration.input import VibrationInput
from quantize.prove.golden import Golden
from quantize.prove.vectors import (
    ODD_PX,
    PARTS,
    REAL_SAMPLES,
    _good_and_bad,
    _image_raws,
    _pushed,
    _signal_raws,
)

IMAGE = ImageInput(width_px=32, height_px=24)
SIGNAL = VibrationInput(
    rate_hz=1000, axes=["x"], window_samples=128, hop_samples=64, full_scale=2.0
)


def pictures(*labels: str, size: tuple[int, int] = (40, 50)) -> list[Golden]:
    payload = cv2.imencode(".png", np.full((*size, 3), 90, np.uint8))[1].tobytes()
    return [Golden(f"golden/{n}.png", label, payload) for n, label in enumerate(labels)]


def test_real_samples_take_the_labels_in_turn() -> None:
    chosen = _good_and_bad(pictures("ok", "ok", "ok", "ok", "dent", "stain"))
    assert len(chosen) == REAL_SAMPLES
    assert Counter(one.label for one in chosen) == {"ok": 2, "dent": 1, "stain": 1}
    assert [one.label for one in _good_and_bad(pictures("ok"))] == ["ok"]


def test_made_images_are_black_saturated_noisy_small_large_and_an_odd_jpeg() -> None:
    vectors = {one.entry.name: one for one in _image_raws(pictures("ok", "dent"), IMAGE)}
    assert list(vectors) == [
        "golden-0",
        "golden-1",
        "odd-jpeg",
        "black",
        "saturated",
        "noisy",
        "small",
        "large",
    ]
    black, small = vectors["black"].raw, vectors["small"].raw
    assert black is not None
    assert small is not None
    assert black.shape == (24 + 37, 32 + 53, 3), "larger than the input, and no multiple of it"
    assert small.shape == (8, 10, 3), "smaller than the input"
    assert not np.array_equal(small, small[:, :, ::-1]), "a swap of channels is seen"
    encoded = vectors["odd-jpeg"].raw
    assert encoded is not None
    assert cv2.imdecode(encoded, cv2.IMREAD_COLOR).shape == (ODD_PX[1], ODD_PX[0], 3)


def test_the_large_frame_tells_the_ways_of_shrinking_apart() -> None:
    large = {one.entry.name: one for one in _image_raws(pictures("ok"), IMAGE)}["large"].raw
    found = [
        IMAGE.model_copy(update={"shrink": shrink}).prepare(large).astype(int)
        for shrink in ("areas", "halves", "exact")
    ]
    for first, second in combinations(found, 2):
        assert np.abs(first - second).max() > 2, "one level is allowed"


def test_where_parts_are_cut_out_the_made_frames_show_one_or_are_refused() -> None:
    box = CutOut(
        along=0.5, across=0.2, turned=True, least_area=0.02, most_area=0.06, least_contrast=30
    )
    spec = IMAGE.model_copy(update={"cut_out": box})
    vectors = {one.entry.name: one for one in _image_raws(pictures("ok"), spec)}
    shown = {name: spec.prepare(vectors[f"{name}-part"].raw) for name in PARTS}
    assert len({one.tobytes() for one in shown.values()}) == len(PARTS)
    for name in ("black", "saturated", "noisy", "small", "large"):
        with pytest.raises(NoPartError):
            spec.prepare(vectors[name].raw)


BOX = {"turned": True, "least_contrast": 30.0}


@pytest.mark.parametrize(
    ("size", "region", "box"),
    [
        ((300, 400), Region(left=0.5, width=0.5), {"along": 0.5, "across": 0.2}),
        ((300, 400), Region(left=0.1, top=0.6, width=0.8, height=0.3), {"along": 0.4}),
        ((800, 100), Region(), {"along": 4.0, "across": 0.5, "least_area": 0.1, "most_area": 0.5}),
        ((100, 800), Region(), {"along": 0.7, "across": 0.06, "least_area": 0.1, "most_area": 0.5}),
        ((800, 400), Region(width=0.2), {"along": 5.0, "across": 0.4, "most_area": 0.4}),
        ((300, 400), Region(), {"along": 0.9, "across": 0.7, "least_area": 0.5, "most_area": 1.0}),
    ],
    ids=["right half", "flat region", "high", "wide", "high region", "large"],
)
def test_a_part_is_drawn_where_it_is_searched(
    size: tuple[int, int], region: Region, box: dict[str, float]
) -> None:
    limits = {"across": 0.2, "least_area": 0.02, "most_area": 0.06}
    spec = ImageInput(
        width_px=32, height_px=24, region=region, cut_out=CutOut.model_validate(BOX | limits | box)
    )
    vectors = {one.entry.name: one for one in _image_raws(pictures("ok", size=size), spec)}
    for name in PARTS:
        raw = vectors[f"{name}-part"].raw
        assert raw is not None
        assert raw.shape == (*size, 3)
        assert isinstance(place_of(raw, spec), Place)


def test_a_box_of_which_no_part_can_be_drawn_is_refused() -> None:
    box = CutOut.model_validate(
        BOX
        | {"along": 0.5, "across": 0.2, "least_area": 0.02, "most_area": 0.06}
        | {"least_contrast": 255.0}
    )
    with pytest.raises(ConversionError, match="no bar drawn in 50x40 px is seen as a part") as said:
        _image_raws(pictures("ok"), IMAGE.model_copy(update={"cut_out": box}))
    assert "cut_out = false" in said.value.cure


def test_made_signals_are_silent_saturated_noisy_and_one_that_must_be_refused() -> None:
    real = Recording(np.ones((200, 1), np.float32), 1000.0, ("x",), "g", "made here", 1500.0)
    vectors = {one.entry.name: one for one in _signal_raws([Golden("a", "ok", b"", real)], SIGNAL)}
    assert list(vectors) == ["golden-0", "silent", "saturated", "noisy", "not-a-number"]
    assert [one.entry.refused for one in vectors.values()] == [False] * 4 + [True]
    loud, broken = vectors["saturated"].raw, vectors["not-a-number"].raw
    assert loud is not None
    assert broken is not None
    assert np.abs(loud).max() == 8 * SIGNAL.full_scale
    assert np.isnan(broken).sum() == 1
    assert len(loud) == 128 + 64, "two windows"


def test_a_push_ends_at_the_limits_of_int8_and_moves_a_float_freely() -> None:
    output = np.array([[126, -128, 0]], np.int8)
    np.testing.assert_array_equal(_pushed(output, np.array([3.0, -3.0, 1.0])), [[127, -128, 1]])
    exact = np.array([[0.25]], np.float32)
    np.testing.assert_allclose(_pushed(exact, np.array([0.5])), [[0.75]])
