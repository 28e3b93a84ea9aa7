"""TensorFlow without its start-up talk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def quiet_tensorflow() -> None:
    """Import TensorFlow in silence; a log level already set in the environment stays.

    TensorFlow 2.21 writes lines to file descriptor 2 before its own log level counts.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with _silent_descriptor(2):
        import tensorflow  # noqa: F401


@contextmanager
def _silent_descriptor(number: int) -> Iterator[None]:
    saved, nothing = os.dup(number), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, number)
        yield
    finally:
        os.dup2(saved, number)
        os.close(saved)
        os.close(nothing)
