"""Drivers on the kernel's own devices, in one guest with Debian's stock kernel (QEMU, no KVM).

The product's own programs run there: tests/rig/in_guest.py. LINESIDE_RIG names the cache folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.rig.guest import GuestRun, run_guest
from tests.rig.kernel import RigError, build_rig

pytestmark = [pytest.mark.drivers, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
NOTICED_S, BACK_S = 2.0, 10.0


@pytest.fixture(scope="module")
def guest() -> GuestRun:
    try:
        rig = build_rig(HERE / "init.sh")
    except RigError as error:
        pytest.skip(f"no guest for the kernel's test drivers: {error}")
    return run_guest(rig)


@pytest.fixture
def result(guest: GuestRun, request: pytest.FixtureRequest) -> Any:
    """What the check of the test's own name gave."""
    name = request.node.name.removeprefix("test_")
    assert name in guest.results, f"{name} gave nothing:\n{guest.log[-3000:]}"
    found = guest.results[name]
    if isinstance(found, dict) and "error" in found:
        pytest.fail(f"{found['error']}\n{guest.log[-2000:]}")
    return found


def test_cameras(result: Any) -> None:
    """`lineside-agent cameras` lists vivid with what it can do, and what it cannot hold."""
    vivid = next(row for row in result["rows"] if "vivid" in row["name"])
    assert result["code"] == 0
    assert any(line.startswith("format YUYV: ") for line in vivid["able"])
    assert any(line.startswith("control gain (key gain): 0 to 255") for line in vivid["able"])
    assert any(line.startswith("has no control for exposure_us") for line in vivid["able"])
    assert vivid["table"]["driver"] == "v4l2"


def test_vivid_frames(result: Any) -> None:
    """Frames are numbered and timed by the driver; settings hold, or the frame is not judged."""
    assert result["shape"] == [360, 640, 3]
    assert result["seqs"] == sorted(set(result["seqs"]))
    assert all(step > 0 for step in result["steps_ns"])
    assert result["gain"] == 100
    assert "gain was 7, it is locked to 100" in result["moved"]
    assert not result["gain_again"], "the setting was not set again"
    assert result["holes"] > 0, "dropped buffers left no hole"
    assert result["damaged"] == ["damaged frame (the driver says so)"]


def test_vivid_refuses(result: Any) -> None:
    assert "has no exposure_us; it has" in result


def test_capture(result: Any) -> None:
    """The pictures of the data set are those that were put into the V4L2 node."""
    assert result["code"] == 0
    assert result["rows"][-1]["count"] == 3
    assert result["same"] == [True, True, True]


def test_vivid_lost(result: Any) -> None:
    assert result["noticed_s"] <= NOTICED_S
    assert result["back_s"] <= BACK_S


def test_iio(result: Any) -> None:
    """The rate of a recording is the measured one; a rate that is far off is no reading."""
    assert [row["name"] for row in result["listed"]] == ["accel"]
    assert result["code"] == 0
    assert 25 < result["rate_hz"] < 55
    assert result["samples"] == 25
    assert "the sensor samples at" in result["too_fast"] or "were lost" in result["too_fast"]


def test_i2c(result: Any) -> None:
    """The ADXL345 driver sets a chip on the kernel's I2C and reads its queue."""
    assert result["set"] == {"0x2c": 13, "0x31": 11}
    assert result["samples"] == [[1.0, -0.5, 0.25]] * 8


def test_audio(result: Any) -> None:
    """Within half a line of the spectrum, in cycles a sample: in Hz, a pitch is no surer than the
    rate.
    """
    assert result["cycles"] / result["samples"] == pytest.approx(
        500 / 16_000, abs=0.5 / result["samples"]
    )
    assert result["rate_hz"] == pytest.approx(16_000, rel=0.05)


def test_gpio(result: Any) -> None:
    """Every edge is seen, and the gate's pin shows each decision and the safe state."""
    assert result["edges"] == 100
    assert (result["safe"], result["accepted"]) == (1, 0)


def test_usb_card(result: Any) -> None:
    """The product's flasher on a card in a USB reader: it is the one with the serial that was
    given, and one that is pulled out in the middle does not boot."""
    code, said = result["other"]
    assert (code, result["untouched"]) == (4, True), said
    assert "card0001" in said
    assert (result["code"], result["verified"], result["same"]) == (0, True, True), result["said"]
    code, said = result["pulled"]
    assert code != 0, said
    assert not result["boots"], said


def test_usb_serial(result: Any) -> None:
    assert result["listed"]
    assert result["noticed_s"] <= NOTICED_S
    assert result["back_s"] <= BACK_S


def test_a_family_of_drivers_costs_at_most_15_s_of_a_processor(guest: GuestRun) -> None:
    """The card is flashed by three programs, each with a start of its own."""
    families = len(guest.results) + 2 * ("usb_card" in guest.results)
    assert guest.cpu_s <= 15 * families, f"{guest.cpu_s:.0f} s for {families}"
