"""A folder of wheels becomes one signed list, or is refused with what is missing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.signing.wheel_release import read_wheels
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.model.wheel_set import WheelSet
from tests.wheel_kit import agent_workshop, write_wheel

NUMPY = "numpy>=1.26"
ARM = "cp311-cp311-manylinux_2_28_aarch64"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """The agent for an arm64 board with Python 3.11, and what it needs."""
    folder = tmp_path / "wheels"
    needs = [NUMPY, "paho-mqtt>=2; extra == 'device'", "tensorflow; extra == 'workshop'"]
    write_wheel(folder, "lineside", "0.2.0", needs=[*needs, "tomli; python_version < '3.11'"])
    write_wheel(folder, "numpy", "2.1.0", tag=ARM)
    write_wheel(folder, "cryptography", "44.0", tag="cp37-abi3-manylinux_2_28_aarch64")
    write_wheel(folder, "paho_mqtt", "2.1.0")
    write_wheel(folder, "pip", "24.0")
    return folder


def test_a_set_is_named_by_machine_and_python(wheels: Path) -> None:
    found, _ = read_wheels(wheels)
    assert (found.name, found.version) == ("agent-aarch64-cp311", "0.2.0")
    numpy = found.wheel("numpy")
    text = (wheels / numpy.file).read_bytes()
    assert (numpy.version, numpy.bytes) == ("2.1.0", len(text))
    assert numpy.sha256 == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("removed", "added", "words"),
    [
        ("numpy*", None, r"lineside-0.2.0-py3-none-any.whl: needs numpy>=1.26, .*not there"),
        ("numpy*", ("numpy", "1.0", ARM), r"needs numpy>=1.26, and 1\.0 is there"),
        ("paho*", None, "needs paho-mqtt>=2"),
        ("pip*", None, "holds no wheel of pip"),
        (None, ("cv", "1", "cp311-cp311-manylinux_2_28_x86_64"), r"several kinds .*x86_64"),
        (None, ("cv", "1", "cp313-cp313-manylinux_2_28_aarch64"), r"several kinds .*cp313"),
        (None, ("pip", "25.0", "py3-none-any"), "a project has two wheels"),
    ],
)
def test_a_set_that_a_station_could_not_install_is_refused(
    removed: str | None, added: tuple[str, str, str] | None, words: str, wheels: Path
) -> None:
    for path in wheels.glob(removed) if removed else ():
        path.unlink()
    if added:
        write_wheel(wheels, added[0], added[1], tag=added[2])
    with pytest.raises(LinesideError, match=words):
        read_wheels(wheels)


def test_what_is_no_wheel_is_told(wheels: Path) -> None:
    (wheels / "numpy-2.1.0-cp311-cp311-manylinux_2_28_aarch64.whl").write_bytes(b"half")
    with pytest.raises(LinesideError, match=r"numpy-2\.1\.0.*is no whole wheel: download it again"):
        read_wheels(wheels)
    (wheels / "odd.whl").write_bytes(b"")
    with pytest.raises(LinesideError, match="Invalid wheel filename"):
        read_wheels(wheels)


def test_a_set_is_released_as_one_target_and_withdrawn(
    wheels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop = agent_workshop(tmp_path / "workshop")
    releases = workshop.folder / "releases"
    options = ["--keys", str(workshop.keys), "--json"]
    assert main(["release", "--agent", str(wheels), *options]) == 0
    path = "agent/agent-aarch64-cp311-0.2.0.wheels"
    released = json.loads(capsys.readouterr().out)["released"]
    notes = "agent/agent-aarch64-cp311-0.2.0.cdx.json"
    assert set(released) == {path, notes}
    (file,) = releases.glob("targets/agent/*.cdx.json")
    parts = {one["name"]: one["version"] for one in json.loads(file.read_bytes())["components"]}
    assert parts["numpy"] == "2.1.0"
    (file,) = releases.glob("targets/agent/*.wheels")
    found = WheelSet.model_validate_json(file.read_bytes())
    for wheel in found.wheels:
        text = (releases / wheel.place).read_bytes()
        assert hashlib.sha256(text).hexdigest() == wheel.sha256
    assert main(["release", "--withdraw", path, *options]) == 0
    assert json.loads(capsys.readouterr().out)["released"] == {}
