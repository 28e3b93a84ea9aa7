"""An agent's environment by the real pip, without a network."""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.signing.wheel_release import read_wheels
from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.contracts.model.wheel_set import WheelSet
from edge_agent.update.agent_environment import (
    build_environment,
    refuse_full_disk,
    refuse_other_machine,
    try_environment,
)
from tests.wheel_kit import write_wheel

MAIN = b"""\
import sys
if sys.argv[1] == "--version":
    print("lineside-agent 1.2.0")
else:
    sys.exit("unknown key 'chanel'")
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python's own wheel of pip, and an agent that is one file."""
    folder = tmp_path_factory.mktemp("wheels")
    (pip,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    (folder / pip.name).write_bytes(pip.read_bytes())
    write_wheel(folder, "lineside", "1.2.0", {"edge_agent/__main__.py": MAIN})
    return folder


@pytest.fixture(scope="module")
def built(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WheelSet]:
    slot, (chosen, _) = tmp_path_factory.mktemp("slot"), read_wheels(wheels)
    before = os.umask(0o077)
    try:
        build_environment(slot, wheels, chosen)
    finally:
        os.umask(before)
    return slot, chosen


@pytest.mark.slow
def test_the_set_is_installed_and_says_its_version(
    built: tuple[Path, WheelSet], tmp_path: Path
) -> None:
    slot, chosen = built
    try_environment(slot, chosen, tmp_path / "none.toml", tmp_path)
    listed = [slot / "bin" / "python", "-m", "pip", "list", "--format=freeze"]
    said = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    (module,) = slot.rglob("edge_agent/__main__.py")
    assert module.stat().st_mode & 0o044 == 0o044, "the agent's user reads it"
    assert said == [f"lineside=={chosen.version}", f"pip=={chosen.wheel('pip').version}"]


@pytest.mark.slow
def test_an_agent_that_does_not_take_the_configuration_is_refused(
    built: tuple[Path, WheelSet], tmp_path: Path
) -> None:
    (tmp_path / "station.toml").write_text("chanel = 1")
    with pytest.raises(BundleError, match=r"take this station.toml \(unknown key 'chanel'\)"):
        try_environment(*built, tmp_path / "station.toml", tmp_path)


@pytest.mark.slow
def test_an_agent_of_another_version_is_refused(
    built: tuple[Path, WheelSet], tmp_path: Path
) -> None:
    other = built[1].model_copy(update={"version": "1.3.0"})
    with pytest.raises(BundleError, match=r"1\.3\.0: says that it is 'lineside-agent 1\.2\.0'"):
        try_environment(built[0], other, tmp_path / "none.toml", tmp_path)


@pytest.mark.slow
def test_pip_takes_no_wheel_with_another_hash(wheels: Path, tmp_path: Path) -> None:
    chosen, _ = read_wheels(wheels)
    worn = [w.model_copy(update={"sha256": "0" * 64}) for w in chosen.wheels if w.project != "pip"]
    changed = chosen.model_copy(update={"wheels": [chosen.wheel("pip"), *worn]})
    with pytest.raises(BundleError, match=r"cannot be installed .*Expected sha256 0000"):
        build_environment(tmp_path / "slot", wheels, changed)


def test_wheels_for_another_machine_are_refused_by_name(wheels: Path) -> None:
    chosen, _ = read_wheels(wheels)
    refuse_other_machine(chosen)
    file = "numpy-2.1.0-cp311-cp311-manylinux_2_28_riscv64.whl"
    odd = chosen.wheels[0].model_copy(update={"file": file})
    with pytest.raises(BundleError, match=r"riscv64\.whl is not for this machine"):
        refuse_other_machine(chosen.model_copy(update={"wheels": [odd]}))


def test_a_full_disk_is_named_before_anything_is_built(wheels: Path, tmp_path: Path) -> None:
    files = sorted(wheels.glob("*.whl"))
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(files[0])],
        capture_output=True,
        text=True,
        check=True,
    )
    needed = sum(int(line.split()[-1]) for line in listed.stdout.splitlines()[1:])
    refuse_full_disk(needed, files[:1], tmp_path)
    with pytest.raises(StorageError, match=r"no space for the new agent: .* are needed"):
        refuse_full_disk(needed - 1, files[:1], tmp_path)
    (tmp_path / "no.whl").write_text("no archive")
    with pytest.raises(BundleError, match="not a zip file"):
        refuse_full_disk(needed, [tmp_path / "no.whl"], tmp_path)
