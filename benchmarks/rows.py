"""The JSON object that every benchmark prints as its last line."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

PACKAGES = ("lineside", "ai-edge-litert", "tensorflow", "numpy", "opencv-python-headless")


@dataclass(frozen=True)
class Row:
    """One figure. `reach` is what we mean to reach, `floor` what is known to be possible."""

    name: str
    value: float
    better: Literal["higher", "lower"]
    unit: str = ""
    n: int = 1
    ci95: tuple[float, float] | None = None
    reach: float | None = None
    floor: float | None = None


def print_rows(rows: list[Row]) -> None:
    """Print machine and rows as one line of JSON on stdout."""
    print(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}))


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    found: dict[str, str | int] = {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
