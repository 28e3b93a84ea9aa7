"""The program's own stderr, written to as native code does."""

from __future__ import annotations

import os
import threading

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.held_stderr import held_stderr
from edge_agent.contracts.image.decode import decode_image


def is_info(line: bytes) -> bool:
    return line.startswith(b"INFO")


def test_lines_that_are_taken_are_given_and_all_others_pass(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with held_stderr(is_info) as lines:
        os.write(2, b"INFO: a delegate\nWARNING: look here\nunfinished")
    os.write(2, b" and after\n")
    assert capfd.readouterr().err == "WARNING: look here\nunfinished and after\n"
    assert lines == ["INFO: a delegate"]


def test_an_error_inside_passes_its_lines_too(capfd: pytest.CaptureFixture[str]) -> None:
    def break_down() -> None:
        with held_stderr(is_info):
            os.write(2, b"ERROR: broken model\n")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        break_down()
    assert "ERROR: broken model" in capfd.readouterr().err


def test_threads_take_turns_and_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    """A picture is decoded while a model is loaded."""
    payload = cv2.imencode(".tif", np.zeros((8, 8, 3), np.uint8))[1].tobytes()

    def load() -> None:
        for _ in range(50):
            with held_stderr(is_info):
                os.write(2, b"INFO: a delegate\nWARNING\n")

    threads = [
        threading.Thread(target=lambda: [decode_image(payload, "a") for _ in range(50)]),
        *(threading.Thread(target=load) for _ in range(3)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "WARNING\n" * 150 + "still here\n"
