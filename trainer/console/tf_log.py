"""TensorFlow without its start-up progress."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager


def quiet_tensorflow() -> None:
    """Import TensorFlow in silence; a log level already set in the environment stays.

    TensorFlow 2.21 writes lines to file descriptor 2 before its own log level counts. Its Python
    side advises on retracing, which a detector's few calls of many small models cause by design.
    """
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with silent_descriptor(2):
        import tensorflow  # noqa: F401


@contextmanager
def silent_descriptor(number: int) -> Iterator[None]:
    """Nothing that C++ code writes to the file descriptor inside comes out."""
    saved, nothing = os.dup(number), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, number)
        yield
    finally:
        os.dup2(saved, number)
        os.close(saved)
        os.close(nothing)
