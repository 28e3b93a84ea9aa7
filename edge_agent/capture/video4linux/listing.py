"""The V4L2 cameras of this machine, what each can do, and what it can read back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from edge_agent.capture.source import FoundDevice
from edge_agent.capture.video4linux.node import VideoControl, VideoFormat, VideoNode
from edge_agent.capture.video4linux.pixels import JPEG, READABLE
from edge_agent.capture.video4linux.settings import KNOWN
from edge_agent.contracts.core.errors import DeviceError

MOST_SIZES = 12
"""Sizes of a format that are named; the others are counted."""


def find_cameras(
    sysfs: Path, open_node: Callable[[str], VideoNode] = VideoNode
) -> list[FoundDevice]:
    """Every node of the class folder `sysfs` that is a camera, or cannot be looked at."""
    nodes = sorted(sysfs.glob("video*"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
    found = [_look(f"/dev/{node.name}", _name(node), open_node) for node in nodes]
    return [one for one in found if one is not None]


def _name(node: Path) -> str:
    try:
        return (node / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return node.name


def _look(path: str, name: str, open_node: Callable[[str], VideoNode]) -> FoundDevice | None:
    node = open_node(path)
    try:
        node.open()
        formats = node.formats()
        controls = node.controls()
    except DeviceError as error:
        # Encoders and the second node of a UVC camera lie beside the cameras.
        is_other = "gives no frames" in error.what or "is no camera" in error.what
        return None if is_other else FoundDevice("v4l2", name, path, fault=f"{error.what}")
    finally:
        node.close()
    able = [_format_line(one) for one in formats if one.pixel_format in READABLE]
    unread = [one.pixel_format for one in formats if one.pixel_format not in READABLE]
    able += [f"formats that are not read: {', '.join(unread)}"] if unread else []
    able += [_line(one) for one in controls.values()] + _warnings(controls)
    return FoundDevice("v4l2", name, path, tuple(able), _table(path, formats))


def _format_line(one: VideoFormat) -> str:
    shown = [
        size + (f" at {', '.join(f'{rate:g}' for rate in rates)} Hz" if rates else "")
        for size, rates in one.sizes.items()
    ]
    more = f"; {len(shown) - MOST_SIZES} more" if len(shown) > MOST_SIZES else ""
    return f"format {one.pixel_format}: {'; '.join(shown[:MOST_SIZES])}{more}"


def _line(one: VideoControl) -> str:
    key = next((key for key, known in KNOWN.items() if known.control == one.id), "")
    shown = f"control {one.name}{f' (key {key})' if key else ''}: {one.low} to {one.high}"
    if one.value is None:
        return f"{shown}, cannot be read back"
    state = "" if one.writable else ", read only"
    return f"{shown}, now {one.value}{state}{'' if one.active else ', an automatic owns it'}"


def _warnings(controls: dict[str, VideoControl]) -> list[str]:
    """What this camera cannot hold still."""
    numbers = {one.id: one for one in controls.values()}
    missing = [key for key, known in KNOWN.items() if known.control not in numbers]
    return [f"has no control for {', '.join(missing)}"] if missing else []


def _table(path: str, formats: list[VideoFormat]) -> dict[str, object]:
    able = [one for one in formats if one.pixel_format in READABLE]
    if not able:
        return {}
    first = next((one for one in able if one.pixel_format not in JPEG), able[0])
    sizes = [re.fullmatch(r"(\d+)x(\d+)", size) for size in first.sizes]
    pairs = [(int(size[1]), int(size[2])) for size in sizes if size] or [(640, 480)]
    width_px, height_px = min(pairs, key=lambda pair: abs(pair[0] - 1280))
    return {
        "driver": "v4l2",
        "device": path,
        "width_px": width_px,
        "height_px": height_px,
        "pixel_format": first.pixel_format,
    }
