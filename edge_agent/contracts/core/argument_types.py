"""Numbers of the command line: what is out of range, or none, is refused before work begins."""

from __future__ import annotations

import argparse
import math

MOST_THREADS = 64
A_DAY_S = 86_400
"""The longest probation that a desired state of a rollout can name."""


def share(text: str) -> float:
    """A number from 0 to 1."""
    return _between(_real(text), 0, 1, text)


def limit(text: str) -> float:
    """What may be lost, -1 to 1: below 0 something must be gained."""
    return _between(_real(text), -1, 1, text)


def seconds(text: str) -> float:
    """A number above 0."""
    return _between(_real(text), 1e-3, 1e9, text)


def up_to_a_day(text: str) -> float:
    """Seconds from 0 to a day, for what is watched or waited for."""
    return _between(_real(text), 0, A_DAY_S, text)


def per_minute(text: str) -> float:
    """How many a minute: at least one in a week."""
    return _between(_real(text), 1e-4, 1e6, text)


def whole(text: str) -> int:
    """A whole number from 0 on."""
    return int(_between(_whole(text), 0, 1e9, text))


def count(text: str) -> int:
    """A whole number from 1 on."""
    return int(_between(_whole(text), 1, 1e9, text))


def port(text: str) -> int:
    """A TCP port."""
    return int(_between(_whole(text), 1, 65535, text))


def threads(text: str) -> int:
    """1 to MOST_THREADS."""
    return int(_between(_whole(text), 1, MOST_THREADS, text))


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def _between(value: float, low: float, high: float, text: str) -> float:
    if not (math.isfinite(value) and low <= value <= high):
        raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
    return value
