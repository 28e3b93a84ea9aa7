"""The station's environment, assembled from the built wheel and the device extra alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest

from tests.station_kit import write_frames, write_image_bundle

ROOT = Path(__file__).parents[2]
LIMIT_MB = 350
PACKAGES = ("edge_agent", "trainer", "quantize", "deploy")

STATION = """\
[station]
id = "device"
[trust]
allow_unsigned = true
[[channel]]
name = "camera"
kind = "image"
bundle = "brightness.bundle"
[channel.source]
driver = "folder"
path = "frames"
"""


def needs(name: str, extra: str = "") -> set[str]:
    """The names of all distributions that `name` with `extra` needs, as installed here."""
    found: set[str] = set()
    waiting = [(name, extra)]
    while waiting:
        one, wanted = waiting.pop()
        for text in metadata.requires(one) or ():
            requirement, _, marker = text.partition(";")
            asked = re.findall(r"extra == [\"'](\w+)[\"']", marker)
            other = re.search(
                r"(platform_system|sys_platform) == [\"'](Windows|win32|Darwin|darwin)", marker
            )
            old = re.search(r"python_version < [\"']3\.(\d+)[\"']", marker)
            if other or (old and sys.version_info >= (3, int(old[1]))):
                continue
            if asked and wanted not in asked:
                continue
            dependency = re.split(r"[\s\[<>=!~(]", requirement.strip())[0]
            try:
                metadata.version(dependency)
            except metadata.PackageNotFoundError:
                continue
            if dependency not in found:
                found.add(dependency)
                waiting.append((dependency, ""))
    return found


def place(distribution: str, site: Path) -> int:
    """Link the files of an installed distribution into another site folder; their bytes."""
    size = 0
    for file in metadata.files(distribution) or ():
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        source = Path(str(file.locate()))
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.symlink_to(source)
            size += source.stat().st_size
    return size


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The device's Python, and the megabytes of its packages."""
    folder = tmp_path_factory.mktemp("device")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    tree = folder / "tree"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    done = subprocess.run([*build, str(tree)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    site = next((folder / "venv" / "lib").glob("python3*")) / "site-packages"
    size = sum(place(name, site) for name in needs("lineside", "device"))
    wheel = next(folder.glob("lineside-*.whl"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index"]
    done = subprocess.run(
        [*pip, "--no-deps", str(wheel)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    size += sum(p.stat().st_size for p in site.glob("[elqtd]*/**/*.py") if not p.is_symlink())
    return python, size / 1e6


def test_device_environment_holds_nothing_of_the_workshop(device: tuple[Path, float]) -> None:
    probe = (
        "import importlib.util as u;"
        "print([m for m in ('tensorflow', 'keras', 'sklearn', 'scipy', 'matplotlib', 'rich')"
        " if u.find_spec(m)])"
    )
    done = subprocess.run([device[0], "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_wheels_and_their_dependencies_are_small(device: tuple[Path, float]) -> None:
    assert 50 < device[1] <= LIMIT_MB


def test_agent_runs_in_the_device_environment(device: tuple[Path, float], tmp_path: Path) -> None:
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 12)
    (tmp_path / "station.toml").write_text(STATION)
    agent = device[0].with_name("lineside-agent")
    done = subprocess.run(
        [agent, "run", "station.toml", "--verbose"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "12 parts: 9 PASS, 3 FAIL, 0 NO-VERDICT" in done.stderr


def test_unit_that_the_wheel_carries_is_installed(
    device: tuple[Path, float], tmp_path: Path
) -> None:
    deploy = device[0].with_name("lineside-deploy")
    agent = "/opt/lineside/bin/lineside-agent"
    done = subprocess.run(
        [deploy, "unit", "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/lineside-agent.service\n")
    lines = (tmp_path / "lineside-agent.service").read_text().splitlines()
    assert "Type=notify" in lines
    assert f"ExecStart={agent} launch /var/lib/lineside/station.toml --quiet" in lines
