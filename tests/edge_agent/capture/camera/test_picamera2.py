"""The Raspberry Pi camera, as far as it can be tested without one: what is asked, what is told."""

from __future__ import annotations

from edge_agent.capture.camera.picamera2 import (
    Picamera2Table,
    controls_of,
    find_cameras,
    lost_frames,
    moved_settings,
)


def table(**keys: object) -> Picamera2Table:
    size = {"driver": "picamera2", "width_px": 1280, "height_px": 960}
    return Picamera2Table.model_validate(size | keys)


def test_exposure_and_white_balance_are_locked_with_their_automatics_off() -> None:
    asked = controls_of(table(exposure_us=2000, red_gain=1.5, blue_gain=2, rate_hz=20))
    assert asked["AeEnable"] is False
    assert asked["AwbEnable"] is False
    assert asked["ExposureTime"] == 2000
    assert asked["FrameDurationLimits"] == (50_000, 50_000)


def test_a_frame_that_was_taken_with_another_exposure_is_named() -> None:
    locked = table(exposure_us=2000)
    assert moved_settings(locked, {"ExposureTime": 1990}) == ""
    assert "ExposureTime was 8000, it is locked to 2000" in moved_settings(
        locked, {"ExposureTime": 8000}
    )


def test_a_gap_in_the_sensors_stamps_is_lost_frames() -> None:
    assert lost_frames(0, 33_000_000, 30) == 0
    assert lost_frames(0, 100_000_000, 30) == 2


def test_a_machine_without_libcamera_says_how_to_install_it() -> None:
    found = find_cameras()
    assert all("apt install python3-picamera2" in one.fault for one in found if one.fault)
