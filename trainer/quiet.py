"""TensorFlow without its start-up talk."""

from __future__ import annotations

import os


def quiet_tensorflow() -> None:
    """Set before the first import of TensorFlow or Keras; a value already set stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
