"""The states of an update, as a table: what comes after each, and where a failure leads.

Before the switch a failure leaves the old bundle untouched; from the switch on it leads back to it.
tests/edge_agent/update/test_machine.py makes its matrix (kill, error, refusal, full disk in every
state, before and after its action) from these rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal[
    "download",
    "verify",
    "stage",
    "self_test",
    "shadow",
    "canary",
    "switch",
    "probation",
    "commit",
    "roll_back",
    "done",
    "quarantine",
    "refused",
]
ATTEMPTS = 3
"""Beginnings of one state, kills and power cuts included; then the candidate is given up."""


@dataclass(frozen=True)
class Row:
    """A state: `then` follows its action, `otherwise` a failure that does not pass by itself."""

    state: State
    then: State
    otherwise: State
    action: str


TABLE = (
    Row("download", "verify", "refused", "copy the candidate beside the slots"),
    Row("verify", "stage", "quarantine", "check metadata, hashes and version"),
    Row("stage", "self_test", "quarantine", "write the candidate into its slot"),
    Row("self_test", "shadow", "quarantine", "run its parity vectors on this machine"),
    Row("shadow", "canary", "quarantine", "judge the line's items beside the current bundle"),
    Row("canary", "switch", "quarantine", "wait for a promotion where a person must give it"),
    Row("switch", "probation", "roll_back", "make the candidate current"),
    Row("probation", "commit", "roll_back", "watch the station decide with it"),
    Row("commit", "done", "roll_back", "clear what is no longer needed"),
    Row("roll_back", "quarantine", "roll_back", "make the previous bundle current again"),
)
ROWS = {row.state: row for row in TABLE}
ENDS: tuple[State, ...] = ("done", "quarantine", "refused")
"""Nothing is left to do in these. What is refused may come again: nothing of it was run, and the
station judges it anew each time."""
SWITCHED: tuple[State, ...] = ("probation", "commit", "roll_back")
"""In these the candidate may be current: no end without the way back."""
