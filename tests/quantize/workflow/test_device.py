"""The same bundles give the same verdicts on aarch64: an emulated Debian with the device wheels.

Needs root, mmdebstrap and qemu-user-static (apt), and the network the first time; the root file
system is kept in LINESIDE_DEVICE_ROOT (default: ~/.cache/lineside/arm64). LiteRT counts the
processor's cores in /sys and /proc/cpuinfo: where it finds none, it runs without XNNPACK, whose
integers alone are those of the workshop.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_screws import frame_of
from edge_agent.simulator.dataset import png_bytes

pytestmark = [pytest.mark.device, pytest.mark.timeout(1800)]

REPO = Path(__file__).parents[3]
CACHE = Path.home() / ".cache" / "lineside" / "arm64"
ROOT = Path(os.environ.get("LINESIDE_DEVICE_ROOT", CACHE))
EMULATOR = "/usr/bin/qemu-aarch64-static"
CORE = """processor\t: {number}
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
"""What Linux says of a core of a Cortex-A72, that of a Raspberry Pi 4."""
PACKAGES = "python3,libpython3-stdlib,libstdc++6,libgcc-s1,libgomp1,zlib1g,libexpat1"
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
WHEELS = (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["device"])
PLATFORMS = (
    *tuple(f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)),
    "manylinux2014_aarch64",
)
MOUNTED = """set -e
mkdir -p "$0/sys" "$0/proc"
mount --bind /sys "$0/sys"
mount -t proc proc "$0/proc"
mount --bind "$0/cpuinfo" "$0/proc/cpuinfo"
exec "$@"
"""
"""A program, the words from $1 on, with the board's /sys and /proc in a name space of its own."""
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
    shutil.copy(REPO / "pyproject.toml", ROOT / "repo")
    (ROOT / "cpuinfo").write_text("".join(CORE.format(number=one) for one in range(2)))
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


@pytest.fixture(scope="module")
def screws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames with one small screw each, that lies anyhow: good ones to learn from."""
    folder = tmp_path_factory.mktemp("screws")
    for label, kind, count in (("good", "", 30), ("tip", "tip", 4)):
        (folder / label).mkdir()
        for number in range(count):
            frame, _ = frame_of(np.random.default_rng([3, number]), kind)
            (folder / label / f"{number}.png").write_bytes(png_bytes(frame))
    return folder


@pytest.fixture(scope="module", params=["true", "false"], ids=["cut out", "whole frames"])
def detector_bundle(request: pytest.FixtureRequest, screws: Path) -> Path:
    """A detector by the packaged weights, whose pictures are standardised, cut out or not."""
    run = screws.parent / f"detector-{request.param}"
    config = screws.parent / f"{run.name}.toml"
    config.write_text(
        f'model = "patchcore"\n[image]\nsize_px = 128\ncut_out = {request.param}\n'
        "standardise = true\n"
    )
    fit = ["fit", str(screws), "--config", str(config)]
    _run([sys.executable, "-m", "trainer", *fit, "--out", str(run)])
    bundle = run.with_suffix(".bundle")
    allowed = ["--allow", "escapes", "--allow", "auroc", "--allow", "accuracy"]
    _run([sys.executable, "-m", "quantize", "convert", str(run), "--out", str(bundle), *allowed])
    return bundle


def test_bundles_made_here_hold_on_aarch64(
    board: Path, image_bundle: Path, vibration_bundle: Path
) -> None:
    assert _vectors_that_hold(board, image_bundle) >= 6
    assert _vectors_that_hold(board, vibration_bundle) >= 6


def test_a_detector_is_armed_where_pictures_are_resized_otherwise(
    board: Path, detector_bundle: Path
) -> None:
    """OpenCV's bilinear steps differ by a level on aarch64, which standardising makes more."""
    assert _vectors_that_hold(board, detector_bundle) >= 6


def _vectors_that_hold(board: Path, bundle: Path) -> int:
    """How many parity vectors the board was armed by; fails where it refuses the bundle."""
    shutil.copy(bundle, board / "tmp")
    emulated = [EMULATOR, "-cpu", "cortex-a72", "-E", "PYTHONPATH=/repo:/site"]
    python = ["chroot", str(board), *emulated, "/usr/bin/python3.11", "-c", PROGRAM]
    said = _run(
        ["unshare", "--mount", "sh", "-c", MOUNTED, str(board), *python, f"/tmp/{bundle.name}"]
    )
    machine, count, _ = json.loads(said)
    assert machine == "aarch64"
    return int(count)
