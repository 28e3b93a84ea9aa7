"""The same bundles give the same verdicts on aarch64: an emulated Debian with the device wheels.

Needs root, mmdebstrap and qemu-user-static (apt), and the network the first time; the root file
system is kept in LINESIDE_DEVICE_ROOT (default: ~/.cache/lineside/arm64).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = [pytest.mark.device, pytest.mark.timeout(1800)]

REPO = Path(__file__).parents[3]
CACHE = Path.home() / ".cache" / "lineside" / "arm64"
ROOT = Path(os.environ.get("LINESIDE_DEVICE_ROOT", CACHE))
EMULATOR = "/usr/bin/qemu-aarch64-static"
PACKAGES = "python3,libpython3-stdlib,libstdc++6,libgcc-s1,libgomp1,zlib1g,libexpat1"
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
WHEELS = (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["device"])
PLATFORMS = (
    *tuple(f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)),
    "manylinux2014_aarch64",
)
PROGRAM = """
import json, sys
from pathlib import Path
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.infer.bundle_inspector import load_inspector
import platform
for path in sys.argv[1:]:
    inspector = load_inspector(read_bundle(Path(path)))
    print(json.dumps([platform.machine(), inspector.parity.n, inspector.parity.worst_quanta]))
"""


@pytest.fixture(scope="module")
def board() -> Path:
    """The root of an arm64 Debian with the device wheels and this repository's packages."""
    if os.geteuid() != 0 or not shutil.which("mmdebstrap") or not Path(EMULATOR).is_file():
        pytest.skip("needs root, mmdebstrap and qemu-user-static")
    complete = ROOT / "complete"
    if not complete.is_file() or complete.read_text() != "\n".join(WHEELS):
        _make_root()
    for package in ("edge_agent", "quantize"):
        shutil.rmtree(ROOT / "repo" / package, ignore_errors=True)
        shutil.copytree(REPO / package, ROOT / "repo" / package)
    return ROOT


def _make_root() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.parent.mkdir(parents=True, exist_ok=True)
    words = ["mmdebstrap", "--mode=root", "--variant=extract", "--architectures=arm64"]
    _run([*words, f"--include={PACKAGES}", "bookworm", str(ROOT)])
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    target = ["--python-version", "3.11", "--only-binary=:all:", "--target", str(ROOT / "site")]
    pins = ["-c", str(REPO / "constraints.txt")]
    _run([sys.executable, "-m", "pip", "install", "-q", *platforms, *target, *WHEELS, *pins])
    shutil.copy(EMULATOR, ROOT / "usr" / "bin")
    (ROOT / "complete").write_text("\n".join(WHEELS))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_bundles_made_here_hold_on_aarch64(
    board: Path, image_bundle: Path, vibration_bundle: Path
) -> None:
    for bundle in (image_bundle, vibration_bundle):
        shutil.copy(bundle, board / "tmp")
    paths = [f"/tmp/{bundle.name}" for bundle in (image_bundle, vibration_bundle)]
    python = [EMULATOR, "-E", "PYTHONPATH=/repo:/site", "/usr/bin/python3.11"]
    said = _run(["chroot", str(board), *python, "-c", PROGRAM, *paths])
    reports = [json.loads(line) for line in said.splitlines()]
    assert [machine for machine, _, _ in reports] == ["aarch64", "aarch64"]
    assert all(count >= 6 for _, count, _ in reports)
