"""Programs of other updaters: what they lack, say and never end with comes as one sentence."""

from __future__ import annotations

import pytest

from deploy.carriers.programs import call
from edge_agent.contracts.core.errors import DeviceError, StorageError


def test_a_program_that_ends_well_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    call(["sh", "-c", "echo done; echo noted >&2"], "dash")
    assert capfd.readouterr() == ("", "")


def test_a_program_that_is_absent_is_named_with_its_package() -> None:
    with pytest.raises(DeviceError, match="apt install rare-tools"):
        call(["no-such-program"], "rare-tools")
    with pytest.raises(DeviceError, match="no-such-helper"):
        call(["true"], "coreutils", "no-such-helper")


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(StorageError, match=r"ended with 3 \(no room\)"):
        call(["sh", "-c", "echo no room >&2; exit 3"], "dash")


def test_a_program_that_does_not_end_is_stopped() -> None:
    with pytest.raises(StorageError, match=r"did not end within 0.2 s"):
        call(["sleep", "60"], "coreutils", limit_s=0.2)
