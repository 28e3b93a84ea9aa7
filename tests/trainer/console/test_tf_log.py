from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.console.tf_log import silent_descriptor

ADVICE = "import tensorflow as tf; tf.get_logger().warning('retracing'); tf.get_logger().error('!')"


@pytest.mark.slow
def test_tensorflow_says_errors_only() -> None:
    surroundings = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    code = f"from trainer.console.tf_log import quiet_tensorflow; quiet_tensorflow(); {ADVICE}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=surroundings
    )
    assert done.stderr == "ERROR:tensorflow:!\n"


def test_nothing_written_to_the_descriptor_inside_comes_out_and_all_of_it_after(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    number = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(number, b"before ")
    with silent_descriptor(number):
        with contextlib.suppress(ZeroDivisionError), silent_descriptor(number):
            os.write(number, b"inner")
            raise ZeroDivisionError
        os.write(number, b"outer")
    os.write(number, b"after")
    os.close(number)
    assert path.read_bytes() == b"before after"


def test_no_descriptor_is_left_open() -> None:
    number = os.open(os.devnull, os.O_WRONLY)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with silent_descriptor(number):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(number)
