"""Which lines of a mosquitto.conf lose messages (mosquitto.conf(5), version 2.0)."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.errors import ConfigError


def lint_conf(path: Path) -> list[CheckResult]:
    """One finding for each setting that matters; raises ConfigError for an unreadable file."""
    said = _read(path)
    found = []
    for key, default, good, harm, cure in RULES:
        value = said.get(key, default)
        origin = "" if key in said else " (the default)"
        name, detail = f"mosquitto.conf {key}", f"{key} {value}{origin}"
        if good(value):
            found.append(CheckResult(name, "OK", detail))
        else:
            found.append(CheckResult(name, "WARN", f"{detail}: {harm}", cure))
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=str(path), cure="check it") from error
    pairs = (line.split(None, 1) for line in lines if line.strip() and line[0] != "#")
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def _number(value: str) -> int:
    return int(value) if value.lstrip("-").isdigit() else -1


RULES = (
    (
        "persistence",
        "false",
        lambda value: value == "true",
        "a restart loses sessions, retained and queued messages",
        "persistence true",
    ),
    (
        "autosave_interval",
        "1800",
        lambda value: 0 < _number(value) <= 1,
        "a power cut loses what was acknowledged since the last save",
        "autosave_interval 1",
    ),
    (
        "max_queued_messages",
        "1000",
        lambda value: _number(value) == 0,
        "a subscriber that is away loses what comes after so many",
        "max_queued_messages 0",
    ),
    (
        "queue_qos0_messages",
        "false",
        lambda value: value == "false",
        "health messages pile up for subscribers that are away",
        "queue_qos0_messages false",
    ),
)
"""Key, default, whether a value is good, the harm otherwise, the cure."""
