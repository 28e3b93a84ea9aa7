"""A GigE Vision camera: Aravis' own fake camera on loopback, killed and started again."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge_agent.capture.camera.aravis import AravisCamera, AravisTable, find_cameras
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Frame, Unreadable
from tests.edge_agent.capture.camera.gi_kit import missing

pytestmark = pytest.mark.drivers

FAKE = "arv-fake-gv-camera-0.8"


def missing_camera() -> str:
    """Why there is no fake camera here, or nothing."""
    if shutil.which(FAKE) is None:
        return f"no {FAKE}: apt install aravis-tools gir1.2-aravis-0.8"
    return missing("Aravis", "0.8")


@pytest.fixture(autouse=True)
def _needs_a_camera() -> None:
    reason = missing_camera()
    if reason:
        pytest.skip(f"GigE Vision: {reason}")


@contextmanager
def fake_camera(serial: str) -> Iterator[subprocess.Popen[bytes]]:
    """A GigE Vision camera named Aravis-SERIAL on loopback."""
    process = subprocess.Popen(
        [FAKE, "-i", "lo", "-s", serial], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(1)  # it says nothing when it is ready
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def camera(serial: str, **keys: object) -> AravisCamera:
    asked = {"device": f"Aravis-{serial}", "width_px": 320, "height_px": 240, "rate_hz": 20}
    config = AravisTable.model_validate({"driver": "aravis", **asked, **keys})
    return AravisCamera(config, name="top", clock=SystemClock())


def drain(source: AravisCamera) -> None:
    """Take frames for ten seconds, or until the camera is lost."""
    for _ in range(50):
        source.next(0.2)


def frames(source: AravisCamera, count: int) -> list[Frame]:
    found: list[Frame] = []
    until = time.monotonic() + 20
    while len(found) < count and time.monotonic() < until:
        item = source.next(0.2)
        if isinstance(item, Frame):
            found.append(item)
    return found


def test_frames_come_as_set_and_with_the_cameras_time() -> None:
    with fake_camera("LS01"):
        source = camera("LS01", exposure_us=5000, gain_db=3)
        source.open()
        found = frames(source, 5)
        source.close()
    assert [frame.image.shape for frame in found] == [(240, 320, 3)] * 5
    stamps = [frame.device_ns for frame in found]
    assert stamps == sorted(set(stamps))


def test_a_camera_that_is_not_there_is_an_absent_device() -> None:
    with pytest.raises(DeviceError, match="cannot be used"):
        camera("NONE").open()


def test_a_killed_camera_is_lost_in_two_seconds_and_comes_back() -> None:
    source = camera("LS02", stall_s=1.5)
    with fake_camera("LS02") as process:
        source.open()
        before = frames(source, 3)
        process.kill()
        began = time.monotonic()
        with pytest.raises(DeviceError, match="gave nothing"):
            drain(source)
        assert time.monotonic() - began < 4
        source.close()
    with fake_camera("LS02"):
        source.open()
        after = frames(source, 2)
        source.close()
    assert after[0].seq > before[-1].seq


def test_a_setting_that_moved_is_named_and_set_again() -> None:
    with fake_camera("LS08"):
        source = camera("LS08", gain_db=3, check_every=1)
        source.open()
        frames(source, 2)
        source._camera.set_gain(9)
        found = [source.next(2) for _ in range(4)]
        gain_db = source._camera.get_gain()
        source.close()
    reasons = [item.reason for item in found if isinstance(item, Unreadable)]
    assert reasons == ["camera setting moved: gave gain_db = 9, station.toml asks 3"]
    assert gain_db == pytest.approx(3)


def test_a_camera_is_listed_with_a_table_that_opens_it() -> None:
    with fake_camera("LS07"):
        found = next(one for one in find_cameras() if one.name.endswith("LS07"))
        table = AravisTable.model_validate(dict(found.table))
        source = AravisCamera(table, name="top", clock=SystemClock())
        source.open()
        source.close()
    assert not found.fault
    assert "format Mono8" in found.able
    assert any(line.startswith("control exposure_us: ") for line in found.able)
