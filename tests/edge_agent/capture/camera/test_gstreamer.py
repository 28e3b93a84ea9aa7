"""GStreamer pipelines, run by the real library."""

from __future__ import annotations

import pytest

from edge_agent.capture.camera.gstreamer import GstreamerCamera, GstreamerTable, find_cameras
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame
from tests.edge_agent.capture.camera.gi_kit import missing

pytestmark = pytest.mark.drivers

SNOW = "videotestsrc is-live=true pattern=snow ! video/x-raw,width=322,height=240,framerate=30/1"


@pytest.fixture(autouse=True)
def _needs_gstreamer() -> None:
    reason = missing("Gst", "1.0") or missing("GstApp", "1.0")
    if reason:
        pytest.skip(f"GStreamer: {reason}")


def camera(pipeline: str, **keys: object) -> GstreamerCamera:
    config = GstreamerTable.model_validate({"driver": "gstreamer", "pipeline": pipeline, **keys})
    return GstreamerCamera(config, name="top", clock=SystemClock())


def drain(source: GstreamerCamera) -> None:
    """Take frames for ten seconds, or until the camera is lost."""
    for _ in range(50):
        source.next(0.2)


def first(source: GstreamerCamera) -> Frame:
    for _ in range(50):
        item = source.next(0.2)
        if item is not None:
            assert isinstance(item, Frame)
            return item
    pytest.fail("no frame came")


def test_frames_are_rgb_and_rows_are_not_skewed() -> None:
    red = SNOW.replace("snow", "red")
    source = camera(red, width_px=322, height_px=240)
    source.open()
    one, two = first(source), first(source)
    source.close()
    assert one.image.shape == (240, 322, 3)
    assert (one.image[:, :, 0] > 200).all()
    assert (one.image[:, :, 2] < 60).all()
    assert two.device_ns is not None
    assert one.device_ns is not None
    assert two.device_ns > one.device_ns


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("nosuchsrc", "is no pipeline"),
        ("filesrc location=/nowhere ! decodebin", "does not start"),
    ],
)
def test_a_pipeline_that_cannot_run_says_why(pipeline: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        camera(pipeline).open()


def test_a_pipeline_that_ends_is_a_lost_device() -> None:
    source = camera(f"{SNOW.replace('videotestsrc', 'videotestsrc num-buffers=3')}", stall_s=1)
    source.open()
    with pytest.raises(DeviceError, match=r"ended|gave nothing"):
        drain(source)
    source.close()


def test_another_size_is_refused() -> None:
    source = camera(SNOW, width_px=640)
    source.open()
    with pytest.raises(DeviceError, match="gave 322x240"):
        drain(source)
    source.close()


def test_listing_asks_gstreamers_own_monitor_and_never_fails() -> None:
    found = find_cameras()
    assert all(one.driver == "gstreamer" for one in found)
    assert not [one.fault for one in found]
