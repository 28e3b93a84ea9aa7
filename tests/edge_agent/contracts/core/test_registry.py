"""Drivers found by their file names."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.registry import Registry


@dataclass(frozen=True)
class Row:
    summary: str


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Row]:
    room = tmp_path / "registry_room"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "common.py").touch()
    (room / "one.py").write_text(
        f"from {__name__} import Row\nDRIVER = Row('the first')\n", encoding="utf-8"
    )
    (room / "broken.py").write_text("raise RuntimeError('imported')\n", encoding="utf-8")
    # The room of the test before lay in a folder that is gone.
    for name in [name for name in sys.modules if name.startswith("registry_room")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    return Registry(
        "registry_room", Row, noun="gate", besides=["common"], aliases={"former": "one"}
    )


def test_names_are_the_files_and_none_is_imported(registry: Registry[Row]) -> None:
    assert registry.names() == ("broken", "one")


def test_only_the_named_driver_is_imported(registry: Registry[Row]) -> None:
    assert registry.find("one").summary == "the first"


def test_a_former_name_still_finds_its_driver(registry: Registry[Row]) -> None:
    assert registry.find("former") is registry.find("one")


def test_an_unknown_name_is_answered_with_the_nearest(registry: Registry[Row]) -> None:
    with pytest.raises(ConfigError, match="unknown gate 'on', did you mean 'one'"):
        registry.find("on")


def test_a_file_that_is_no_driver_is_not_found(registry: Registry[Row]) -> None:
    with pytest.raises(ConfigError, match="unknown gate 'common', known are broken, one"):
        registry.find("common")


def test_an_output_is_found_without_the_import_of_another() -> None:
    code = (
        "import sys; from edge_agent.outputs.output import OUTPUTS; OUTPUTS.find('simulated'); "
        "print('edge_agent.outputs.console' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
