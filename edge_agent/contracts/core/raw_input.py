"""The refusal of a raw input of another kind than the model takes."""

from __future__ import annotations

from edge_agent.contracts.core.errors import InputError

KINDS = {"ndarray": "an image", "Recording": "a recording", "Table": "rows of process data"}
"""Type of a raw input -> its words."""


def another_kind(kind: str, raw: object) -> InputError:
    """The error for `raw` where a model of `kind` ("image", "vibration", "tabular") was asked."""
    given = KINDS.get(type(raw).__name__, type(raw).__name__)
    return InputError(
        f"the bundle takes {kind} input, not {given}",
        where="input",
        cure="take another bundle, or give it what it takes",
    )
