"""The agent's environment in an image, made of wheels without a network or an arm64 program."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.image.environment import install_agent, python_version
from edge_agent.contracts.core.errors import StorageError

OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def make_wheel(folder: Path, name: str, needs: str = "") -> Path:
    """A wheel of one module, whose two programs print its name."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    programs = f"[console_scripts]\nlineside-agent = {name}:main\nlineside-deploy = {name}:main\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f"def main():\n    print({name!r})\n")
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        wheel.writestr(f"{info}/METADATA", head + needs)
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/entry_points.txt", programs if name == "lineside" else "")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def pip_wheel(folder: Path) -> Path:
    """The pip of this environment, as the wheel that pip itself can be run from."""
    path = folder / "pip-1.0-py3-none-any.whl"
    try:
        files = importlib.metadata.files("pip") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("NOT TESTED: no pip in this environment")
    with zipfile.ZipFile(path, "w") as wheel:
        for file in files:
            if file.parts[0].startswith("pip") and file.suffix != ".pyc":
                wheel.write(str(file.locate()), str(file))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/usr/bin").mkdir(parents=True)
    (tmp_path / "root/usr/bin" / f"python{OWN}").touch()
    (tmp_path / "root/usr/bin" / f"python{OWN}-config").touch()
    return tmp_path / "root"


@pytest.mark.slow
def test_programs_start_the_boards_python_with_what_the_wheels_hold(
    root: Path, tmp_path: Path
) -> None:
    extra = 'Provides-Extra: device\nRequires-Dist: runtime; extra == "device"\n'
    wheels = [make_wheel(tmp_path, "lineside", extra), make_wheel(tmp_path, "runtime")]
    install_agent(root, [*wheels, pip_wheel(tmp_path)])
    home = root / "opt/lineside"
    assert home.readlink() == Path("lineside-image"), "what install-agent.sh replaces in one step"
    program = (home / "bin/lineside-agent").read_text().splitlines()
    assert program[0] == "#!/opt/lineside/bin/python"
    assert (home / "bin/python3").readlink() == Path("/usr/bin/python3")
    site = home / f"lib/python{OWN}/site-packages"
    done = subprocess.run(
        [sys.executable, "-S", home / "bin/lineside-agent"],
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "lineside\n"
    assert (site / "runtime.py").exists()
    assert list((site / "__pycache__").glob("lineside.*.pyc"))
    files = (path for path in home.rglob("*") if path.is_file())
    assert not [path for path in files if str(tmp_path).encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_wheel_that_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    extra = 'Provides-Extra: device\nRequires-Dist: runtime; extra == "device"\n'
    with pytest.raises(StorageError, match=r"the agent cannot be installed.*runtime"):
        install_agent(root, [make_wheel(tmp_path, "lineside", extra), pip_wheel(tmp_path)])


def test_a_tree_without_one_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="has 0 Pythons, one is needed"):
        python_version(tmp_path)
