"""What nobody foresaw leaves a guarded call as an error of our tree, with its cause behind it."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.errors import DeviceError, FaultError, LinesideError
from edge_agent.contracts.core.faults import convert_faults


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ZeroDivisionError("by zero"), "by zero"),
        (MemoryError(), "MemoryError"),
        (OSError(5, "io"), "[Errno 5] io"),
    ],
)
def test_a_stranger_becomes_a_fault_that_names_its_cause(error: Exception, text: str) -> None:
    with pytest.raises(FaultError) as found, convert_faults():
        raise error
    assert (str(found.value), found.value.error, found.value.__cause__) == (text, error, error)


def test_an_error_of_our_tree_passes_as_it_is() -> None:
    lost = DeviceError("gone", where="camera 0")
    with pytest.raises(LinesideError) as found, convert_faults():
        raise lost
    assert found.value is lost


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_an_end_that_was_asked_for_is_no_fault(end: type[BaseException]) -> None:
    with pytest.raises(end), convert_faults():
        raise end
