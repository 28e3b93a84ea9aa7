from __future__ import annotations

import csv
import struct
import zlib

import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.reading import reading


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (OSError(5, "Input/output error"), r"a\.bin: cannot be read \(Input/output error\)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "not UTF-8 text: save it as UTF-8"),
        (MemoryError(), "needs more memory than there is"),
        (ValueError("two\nlines"), r"not a table \(two lines\): write it again"),
        (KeyError("x"), "not a table"),
        (csv.Error("open quote"), "open quote"),
        (struct.error("short"), "short"),
        (zlib.error("bad"), "bad"),
        (OverflowError(), r"not a table \(OverflowError\)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_whatever_a_reader_raises_names_file_and_cure(fault: Exception, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught, reading("a.bin", "a table"):
        raise fault
    assert caught.value.where == "a.bin"
    assert caught.value.cure


def test_an_input_error_passes_as_it_is() -> None:
    mine = InputError("mine", where="b")
    with pytest.raises(InputError) as caught, reading("a.bin", "a table"):
        raise mine
    assert caught.value is mine
