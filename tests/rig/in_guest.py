"""What runs inside the guest: the product's own programs and drivers on the kernel's devices.

Writes one line for each check: RESULT NAME {json}; tests/rig/test_drivers_in_guest.py judges them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from edge_agent.__main__ import main
from edge_agent.capture.drivers import build_source
from edge_agent.capture.queue import build_queue
from edge_agent.capture.source import Source
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, Reading, Unreadable
from tests.rig.usb_card import usb_card

ROOM = Path("/run")
EDGES = 100
IIO = Path("/sys/kernel/config/iio")
CLOCK = SystemClock()


def run(*words: str) -> tuple[int, list[Any]]:
    """Exit code and lines of JSON of one of the product's verbs."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([*words, "--json"])
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def source(kind: str, **keys: object) -> Source:
    """The source of a table."""
    from edge_agent.capture.drivers import REGISTRIES

    config = REGISTRIES[kind].find(str(keys["driver"])).config.model_validate(keys)
    return build_source(kind, config, name="guest", clock=CLOCK)


def take(one: Source, count: int, within_s: float = 20) -> list[Item]:
    """Items of an open source."""
    found: list[Item] = []
    until = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < until:
        item = one.next(0.2)
        found += [item] if item is not None else []
    return found


def loss(one: Source, lose: Callable[[], None], give_back: Callable[[], None]) -> dict[str, float]:
    """Seconds until a loss is noticed, and until an item comes after it was given back."""
    feed = build_queue(one, name="guest", size=2, clock=CLOCK)
    feed.start()
    while feed.take(0.2) is None:
        pass
    lose()
    began = time.monotonic()
    while not feed.fault and time.monotonic() - began < 10:
        feed.take(0.02)
    noticed_s = time.monotonic() - began
    give_back()
    began = time.monotonic()
    while (feed.fault or feed.take(0.1) is None) and time.monotonic() - began < 20:
        feed.take(0.02)
    back_s = time.monotonic() - began
    feed.stop()
    feed.close()
    return {"noticed_s": round(noticed_s, 2), "back_s": round(back_s, 2)}


def video_node(name: str) -> str:
    """The node of the camera of that name."""
    for path in sorted(Path("/sys/class/video4linux").glob("video*")):
        if name in (path / "name").read_text():
            return f"/dev/{path.name}"
    raise LookupError(f"no camera {name}")


class Hand:
    """Another program's hand on the camera: presses its buttons, turns its controls."""

    def __init__(self, path: str) -> None:
        from edge_agent.capture.video4linux.node import VideoNode

        self._node = VideoNode(path)
        self._node.open()
        self._ids = dict(self._all())

    def set(self, name: str, value: int) -> None:
        """Set a control, or press a button."""
        if not self._node.write_control(self._ids[name], value):
            raise LookupError(f"{name} is refused")

    def value(self, name: str) -> int | None:
        """What a control is."""
        return self._node.read_control(self._ids[name])

    def close(self) -> None:
        """Let go."""
        self._node.close()

    def _all(self) -> Iterator[tuple[str, int]]:
        import fcntl

        from edge_agent.capture.video4linux import abi

        query = abi.ControlDescription(id=abi.CONTROL_NEXT)
        while True:
            try:
                fcntl.ioctl(self._node._handle, abi.QUERYCTRL, query, True)
            except OSError:
                return
            yield bytes(query.name).decode(), query.id
            query = abi.ControlDescription(id=query.id | abi.CONTROL_NEXT)


def cameras() -> object:
    """`lineside-agent cameras`."""
    code, rows = run("cameras", "--driver", "v4l2")
    return {"code": code, "rows": rows}


VIVID = {"driver": "v4l2", "width_px": 640, "height_px": 360, "pixel_format": "YUYV"}


def vivid_frames() -> object:
    """Numbers, times and settings of a camera; a hand moves its gain."""
    path = video_node("vivid")
    camera = source("image", **VIVID, device=path, gain=100, check_every=1)
    camera.open()
    hand = Hand(path)
    frames = take(camera, 5)
    gain = hand.value("Gain")
    hand.set("Gain", 7)
    moved = take(camera, 1)[0]
    after = take(camera, 1)[0]
    hand.set("Percentage of Dropped Buffers", 50)
    holes = take(camera, 12)
    hand.set("Percentage of Dropped Buffers", 0)
    hand.set("Inject V4L2_BUF_FLAG_ERROR", 1)
    damaged = [item for item in take(camera, 6) if isinstance(item, Unreadable)]
    hand.close()
    camera.close()
    return {
        "seqs": [item.seq for item in frames],
        "steps_ns": [b.mono_ns - a.mono_ns for a, b in pairwise(frames)],
        "shape": getattr(frames[0], "image", None).shape,  # type: ignore[union-attr]
        "gain": gain,
        "moved": getattr(moved, "reason", ""),
        "gain_again": isinstance(after, Unreadable),
        "holes": holes[-1].seq - holes[0].seq - len(holes) + 1,
        "damaged": [one.reason for one in damaged],
    }


def vivid_refuses() -> object:
    """What a camera without an exposure control answers."""
    camera = source("image", **VIVID, device=video_node("vivid"), exposure_us=1000)
    try:
        camera.open()
    except DeviceError as error:
        return str(error)
    finally:
        camera.close()
    return "taken"


def vivid_lost() -> object:
    """A camera that is unplugged."""
    path = video_node("vivid")
    hand = Hand(path)

    def unplug() -> None:
        hand.set("Disconnect", 1)
        hand.close()

    camera = source("image", **VIVID, device=path)
    return loss(camera, unplug, lambda: None)


def capture() -> object:
    """`lineside-agent capture` of a picture that the test itself put into a V4L2 node."""
    import fcntl

    import cv2
    import numpy as np

    from edge_agent.capture.video4linux import abi
    from edge_agent.simulator import scene

    picture = scene.render(5, 0, 320, 240, 1.0)
    payload = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_YUY2).tobytes()
    form = abi.Format(type=2)
    form.fmt.pix.width, form.fmt.pix.height, form.fmt.pix.field = 320, 240, 1
    form.fmt.pix.pixelformat = abi.fourcc_code("YUYV")
    form.fmt.pix.bytesperline, form.fmt.pix.sizeimage = 640, len(payload)
    path = video_node("line")
    handle = os.open(path, os.O_RDWR)
    fcntl.ioctl(handle, abi.S_FMT, form, True)
    ended = threading.Event()

    def feed() -> None:
        while not ended.wait(0.05):
            os.write(handle, payload)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    config = station(
        "image", f'driver = "v4l2"\ndevice = "{path}"\nwidth_px = 320\nheight_px = 240'
    )
    words = ["capture", "--config", config, "--out", str(ROOM / "caps"), "--label", "ok", "--good"]
    code, rows = run(*words, "--every", "0.2", "--count", "3")
    ended.set()
    thread.join()
    os.close(handle)
    files = sorted((ROOM / "caps" / "ok").glob("*.png"))
    sent = cv2.cvtColor(
        np.frombuffer(payload, np.uint8).reshape(240, 320, 2), cv2.COLOR_YUV2BGR_YUY2
    )
    same = [bool(np.array_equal(cv2.imread(str(one)), sent)) for one in files]
    return {"code": code, "rows": rows, "same": same}


def station(kind: str, table: str) -> str:
    """A station.toml with one channel."""
    path = ROOM / f"{kind}.toml"
    bundle = 'bundle = "none.bundle"\n' if kind == "image" else ""
    path.write_text(
        f'[station]\nid = "guest"\nstate_dir = "/run/state"\n[[channel]]\nname = "one"\n'
        f'kind = "{kind}"\n{bundle}[channel.source]\n{table}\n'
    )
    return str(path)


def iio() -> object:
    """`lineside-agent sensors` and `record` with the kernel's own accelerometer."""
    import numpy as np

    (IIO / "devices/dummy/accel").mkdir()
    (IIO / "triggers/hrtimer/tick").mkdir()
    _, listed = run("sensors", "--driver", "iio")
    table = 'driver = "iio"\ndevice = "accel"\naxes = ["accel_x"]\ntrigger = "tick"\n'
    config = station("vibration", table + "rate_hz = 50\nrate_off = 0.5")
    words = ["record", "--config", config, "--out", str(ROOM / "motor"), "--label", "ok"]
    code, _ = run(*words, "--seconds", "0.5", "--count", "1")
    files = sorted((ROOM / "motor" / "ok").glob("*.npz"))
    with np.load(files[0]) as content:
        recorded = {name: content[name].tolist() for name in content.files}
    fast = source(
        "vibration", driver="iio", device="accel", axes=["accel_x"], trigger="tick",
        rate_hz=20_000, window_s=0.05,
    )  # fmt: skip
    fast.open()
    too_fast = take(fast, 1)
    fast.close()
    return {
        "listed": listed,
        "code": code,
        "rate_hz": recorded["rate_hz"],
        "samples": len(recorded["accel_x"]),
        "too_fast": getattr(too_fast[0], "reason", "taken") if too_fast else "nothing",
    }


def i2c() -> object:
    """The ADXL345 driver on the kernel's I2C: a chip of registers without a sensor."""
    from smbus2 import SMBus

    from edge_agent.capture.chip_stream import ChipDevice
    from edge_agent.capture.register_bus import I2cBus
    from edge_agent.capture.vibration.adxl345 import Adxl345

    names = {p: (p / "name").read_text() for p in Path("/sys/class/i2c-dev").glob("i2c-*")}
    node = next(f"/dev/{path.name}" for path, name in names.items() if "stub" in name)
    with SMBus(node) as bus:
        bus.write_byte_data(0x53, 0x00, 0xE5)
        bus.write_byte_data(0x53, 0x39, 8)
        for at, value in enumerate([0x00, 0x01, 0x80, 0xFF, 0x40, 0x00]):
            bus.write_byte_data(0x53, 0x32 + at, value)
    device = ChipDevice(Adxl345(800, 16), I2cBus(node, 0x53), (0, 1, 2), 1.0, CLOCK)
    device.open()
    block = device.read(0.1)
    with SMBus(node) as bus:
        set_to = {hex(register): bus.read_byte_data(0x53, register) for register in (0x2C, 0x31)}
    device.close()
    samples = [] if block is None else block.samples.tolist()
    return {"samples": samples, "set": set_to}


def audio() -> object:
    """A tone through the kernel's own sound card, from one end to the other."""
    import numpy as np

    tone = (12_000 * np.sin(2 * np.pi * 500 * np.arange(16_000 * 15) / 16_000)).astype("<i2")
    (ROOM / "tone").write_bytes(tone.tobytes())
    words = ["aplay", "-q", "-D", "hw:Loopback,0,0", "-t", "raw", "-f", "S16_LE", "-r", "16000"]
    player = subprocess.Popen([*words, "-c", "1", str(ROOM / "tone")])
    sensor = source(
        "vibration", driver="audio", device="hw:Loopback,1,0", axes=["x"], full_scale=1.0,
        rate_hz=16_000, window_s=0.5, stall_s=20,
    )  # fmt: skip
    sensor.open()
    found = take(sensor, 2)
    sensor.close()
    player.kill()
    player.wait()
    good = [item for item in found if isinstance(item, Reading)]
    if not good:
        return {"reason": [getattr(item, "reason", "") for item in found]}
    signal, rate_hz = good[-1].signal[:, 0], good[-1].rate_hz
    cycles = int(np.abs(np.fft.rfft(signal))[1:].argmax() + 1)
    return {"cycles": cycles, "samples": len(signal), "rate_hz": rate_hz}


def usb_serial() -> object:
    """A sensor on a USB serial line that is pulled out and put in again."""
    module = "/run/modules/g_serial.ko"
    ended = threading.Event()

    def plug() -> None:
        subprocess.run(["insmod", module], check=True)

    def unplug() -> None:
        subprocess.run(["rmmod", "g_serial"], check=False)

    def speak() -> None:
        began, sent = time.monotonic(), 0
        while not ended.wait(0.02):
            due = int((time.monotonic() - began) * 200)
            with contextlib.suppress(OSError):
                line = os.open("/dev/ttyGS0", os.O_WRONLY | os.O_NOCTTY)  # "wb" would make a file
                os.write(line, b"".join(b"%d,0.5\n" % k for k in range(sent, due)))
                os.close(line)
            sent = due

    plug()
    subprocess.run(["stty", "-F", "/dev/ttyGS0", "raw", "-echo"], check=False)
    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    until = time.monotonic() + 15
    while not Path("/dev/ttyACM0").exists() and time.monotonic() < until:
        time.sleep(0.1)
    _, listed = run("sensors", "--driver", "serial_line")
    sensor = source(
        "vibration", driver="serial_line", device="/dev/ttyACM0", axes=["x"], counter=True,
        rate_hz=200, window_s=0.5,
    )  # fmt: skip
    result = loss(sensor, unplug, plug)
    ended.set()
    thread.join(3)
    return {"listed": [row["where"] for row in listed], **result}


def gpio() -> object:
    """Edges of a light barrier, and the line of a gate, on the kernel's simulated pins."""
    from edge_agent.contracts.core.types import Verdict
    from edge_agent.contracts.wire.decision import Decision
    from edge_agent.contracts.wire.kinds.verdict import Action
    from edge_agent.outputs.gpio import GpioOutput, GpioOutputTable
    from edge_agent.trigger.gpio import GpioTrigger, GpioTriggerTable
    from tests.edge_agent.fieldbus.gpio_kit import SimulatedChip

    chip = SimulatedChip("rig")
    keys = {"driver": "gpio", "chip": chip.path}
    barrier = GpioTriggerTable.model_validate(keys | {"line": 5, "debounce_ms": 0})
    trigger = GpioTrigger(barrier, name="barrier", clock=CLOCK)
    gate = GpioOutput(GpioOutputTable.model_validate(keys | {"line": 3}), name="gate", clock=CLOCK)
    trigger.open()
    gate.open()
    safe = chip.value(3)
    late_ms = []
    for number in range(EDGES):
        chip.pull(5, True)
        event = trigger.next(2)
        if event is not None:
            action: Action = "accept" if number % 2 else "reject"
            gate.write(Decision(str(number), Verdict.FAIL, action, "", 1.0, ()))
            late_ms.append((time.monotonic_ns() - event.mono_ns) / 1e6)
        chip.pull(5, False)
    accepted = chip.value(3)
    gate.close()
    trigger.close()
    ordered = sorted(late_ms) or [0.0]
    return {
        "edges": len(late_ms),
        "safe": safe,
        "accepted": accepted,
        "p50_ms": round(ordered[len(ordered) // 2], 2),
        "p99_ms": round(ordered[-1], 2),
    }


CHECKS: tuple[Callable[[], object], ...] = (
    cameras, vivid_frames, vivid_refuses, capture, vivid_lost, iio, i2c, audio, gpio, usb_card,
    usb_serial,
)  # fmt: skip


def report(check: Callable[[], object]) -> None:
    """Run one check and write its line; a check that fails stops no other."""
    began = time.monotonic()
    try:
        result = check()
    except Exception as error:  # noqa: BLE001 - it is the result of the check
        result = {"error": f"{type(error).__name__}: {error}"}
    seconds = round(time.monotonic() - began, 1)
    sys.stdout.write(f"RESULT {check.__name__} {json.dumps(result)}\n")
    sys.stdout.write(f"TOOK {check.__name__} {seconds} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    chosen = sys.argv[1:]
    for one in CHECKS:
        if "all" in chosen or one.__name__ in chosen:
            report(one)
