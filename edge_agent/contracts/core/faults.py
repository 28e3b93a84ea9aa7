"""The one place where what nobody foresaw becomes an error of our tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.contracts.core.errors import FaultError, LinesideError


@contextmanager
def convert_faults() -> Iterator[None]:
    """Around a call into a driver, a library or code that must not take others along.

    What is not of our tree leaves as a FaultError with the original behind it, so that whoever
    goes on after it catches errors that have a name. An end asked for (KeyboardInterrupt,
    SystemExit) passes.
    """
    try:
        yield
    except LinesideError:
        raise
    except Exception as error:
        raise FaultError(error) from error
