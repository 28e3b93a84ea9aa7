"""What may be asked for as a runtime: names only, so that a command line starts without numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edge_agent.contracts.core.registry import Registry

AUTO = "auto"
"""The best runtime that is there, an accelerator first where the bundle has a model for it."""

PACKAGE = "edge_agent.infer.runtimes"


def runtime_names() -> tuple[str, ...]:
    """`auto`, and every runtime by the name of its file; imports none of them."""
    return (AUTO, *Registry(PACKAGE, object).names())


if TYPE_CHECKING:
    RuntimeName = str
else:
    RuntimeName = Literal[runtime_names()]
    """For pydantic, which lists the names in its messages and in the reference page."""
