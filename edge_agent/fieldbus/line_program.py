"""The inside of a LineProcess: lines of JSON from stdin, a line on stdout for each."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import ASYNCUA, missing

NO_ASYNCUA = missing(ASYNCUA, "OPC UA")


def read_order() -> dict[str, Any]:
    """The first line; empty where stdin has ended."""
    order: dict[str, Any] = json.loads(sys.stdin.readline() or "{}")
    return order


def answer(message: Mapping[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def refuse(error: DeviceError) -> int:
    """Write an error, which the station raises with a place of its own; the program's exit code."""
    answer({"error": error.what, "cure": error.cure})
    return 1
