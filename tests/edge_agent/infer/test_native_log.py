from __future__ import annotations

import os

import pytest

from edge_agent.infer.native_log import without_info_lines


def test_info_lines_are_left_out_and_all_others_pass(capfd: pytest.CaptureFixture[str]) -> None:
    with without_info_lines():
        os.write(2, b"INFO: a delegate\nWARNING: look here\nunfinished")
    os.write(2, b" and after\n")
    assert capfd.readouterr().err == "WARNING: look here\nunfinished and after\n"


def test_an_error_inside_passes_its_lines_too(capfd: pytest.CaptureFixture[str]) -> None:
    def break_down() -> None:
        with without_info_lines():
            os.write(2, b"ERROR: broken model\n")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        break_down()
    assert "ERROR: broken model" in capfd.readouterr().err
