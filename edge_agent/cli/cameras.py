"""`lineside-agent cameras` and `sensors`: what is connected, what it can do, how to use it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from edge_agent.contracts.core.command import Verbs, add_verb

if TYPE_CHECKING:
    from edge_agent.capture.source import FoundDevice

CAMERA_EXAMPLES = """examples:
  lineside-agent cameras
  lineside-agent cameras --json
  lineside-agent cameras --driver v4l2

Each camera with its formats, rates and controls, whether a control can be read back, and the lines
of station.toml that use it. docs/first-camera.md goes on from there.
exit code: 0 a camera can be used, 4 none
"""
SENSOR_EXAMPLES = """examples:
  lineside-agent sensors
  lineside-agent sensors --json
  lineside-agent sensors --driver iio

Accelerometers (IIO, SPI, I2C), serial lines and audio inputs, and the lines of station.toml that
use each. docs/first-sensor.md goes on from there.
exit code: 0 a sensor can be used, 4 none
"""


def register(verbs: Verbs) -> None:
    """Add the verbs `cameras` and `sensors`."""
    about = "list the cameras that are connected, and what each can do"
    cameras = add_verb(verbs, "cameras", about, CAMERA_EXAMPLES, _run)
    cameras.set_defaults(kinds=("image",))
    about = "list the sensors that are connected, and what each can do"
    sensors = add_verb(verbs, "sensors", about, SENSOR_EXAMPLES, _run)
    sensors.set_defaults(kinds=("vibration", "tabular"))
    for verb in (cameras, sensors):
        verb.add_argument("--driver", default="", metavar="NAME", help="look with this one only")
        verb.add_argument("--json", action="store_true", help="one JSON object a device")


def _run(args: argparse.Namespace) -> int:
    from edge_agent.capture.drivers import find_devices

    usable = 0
    for kind, device in find_devices(args.kinds, args.driver):
        usable += not device.fault
        print(json.dumps({"kind": kind} | asdict(device)) if args.json else _text(kind, device))
    if not usable and not args.json:
        print("nothing that can be used was found: check cable, power and the user's groups")
    return 0 if usable else 4


def _text(kind: str, device: FoundDevice) -> str:
    head = f"{device.where or '-'}  {device.name}  (driver {device.driver})"
    lines = [f"  cannot be used: {device.fault}"] if device.fault else []
    lines += [f"  {line}" for line in device.able]
    return "\n".join([head, *lines, *_toml(kind, device)])


def _toml(kind: str, device: FoundDevice) -> Sequence[str]:
    import tomli_w

    if not device.table or device.fault:
        return []
    head = ["[[channel]]", f'name = "{kind}"', f'kind = "{kind}"']
    if kind != "vibration":  # a sensor is judged by the zones of ISO 20816-3 without one
        head.append(f'bundle = "{kind}.bundle"')
    body = ["[channel.source]", *tomli_w.dumps(dict(device.table)).strip().split("\n")]
    return ["", *(f"    {line}" for line in [*head, *body]), ""]
