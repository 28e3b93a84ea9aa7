"""What a workstation lacks is told at once, with every cure."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from deploy.image import workstation
from deploy.image.workstation import check_workstation, run_tool
from edge_agent.contracts.core.errors import ConfigError, StorageError


def test_every_lack_and_its_cure_are_in_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(workstation, "PATHS", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        check_workstation(tmp_path, binfmt=tmp_path, bundles=True)
    text = str(caught.value)
    for package in (
        "mmdebstrap",
        "arch-test",
        "e2fsprogs",
        "dosfstools",
        "mtools",
        "rauc",
        "squashfs-tools",
    ):
        assert f"apt install {package}" in text
    if platform.machine() == "x86_64":
        assert "it runs no arm64 programs" in text
        assert "qemu-user-static" in text
    assert ("start it with sudo" in text) == (os.geteuid() != 0)


def test_a_failed_program_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"sh: it cannot be done \(no, 7\)"):
        run_tool(["sh", "-c", 'echo "no, $SEVEN" >&2; exit 3'], "it cannot be done", SEVEN="7")
