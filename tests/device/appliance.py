"""The appliance image of this tree, built by the product's own verb and kept in the rig's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.rig.kernel import RigError, cache_folder, run_tool

REPO = Path(__file__).parents[2]
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")
COMPATIBLE = "press"
SOURCES = ("edge_agent", "deploy")
"""What of this tree lies in the image: the agent, and what makes the image."""


def build_appliance() -> Path:
    """The image; built (minutes) when the cache has none of this tree. Raises RigError.

    One that LINESIDE_APPLIANCE names is taken as it is, with the folder `wheels` beside it.
    """
    if "LINESIDE_APPLIANCE" in os.environ:
        return Path(os.environ["LINESIDE_APPLIANCE"])
    return _built("appliance.img")


def build_two_systems() -> tuple[Path, Path]:
    """An image of two systems for boards of the kind COMPATIBLE, and the certificate of its keyring
    with `signer.key` beside it; as build_appliance, from the variable LINESIDE_TWO_SYSTEMS. Beside
    the image lies its own bundle, which the verb wrote, too.
    """
    if "LINESIDE_TWO_SYSTEMS" in os.environ:
        image = Path(os.environ["LINESIDE_TWO_SYSTEMS"])
        return image, image.with_name("signer.pem")
    cert = _room() / "signer.pem"
    if not cert.exists():
        make_signer(cert)
    signs = ("--cert", str(cert), "--key", str(cert.with_suffix(".key")))
    return _built("two.img", "--rauc", COMPATIBLE, *signs), cert


def make_signer(cert: Path) -> None:
    """A development certificate of RAUC's bundles, and its key beside it."""
    text = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -batch"
    words = [*text.split(), "-subj", "/CN=plant", "-keyout", str(cert.with_suffix(".key"))]
    run_tool([*words, "-out", str(cert)], cert.parent, "no certificate")


def _room() -> Path:
    """The folder of this tree in the cache."""
    room = cache_folder() / "appliance" / _tree_sha256()[:16]
    room.mkdir(parents=True, exist_ok=True)
    return room


def _built(name: str, *options: str) -> Path:
    room = _room()
    image = room / name
    if image.exists():
        return image
    if os.geteuid() != 0:
        raise RigError("a root file system is made by root only")
    wheels = _wheels(room)
    words = [sys.executable, "-m", "deploy", "image", str(image), "--wheels", str(wheels), *options]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 2:
        raise RigError(f"no image can be built: {done.stderr.strip()}")
    if done.returncode:
        raise AssertionError(f"lineside-deploy image failed: {done.stderr[-3000:]}")
    for other in room.parent.iterdir():
        if other != room:
            shutil.rmtree(other, ignore_errors=True)
    return image


def _wheels(room: Path) -> Path:
    """The wheels of aarch64, and lineside's own, built from this tree."""
    wheels = room / "wheels"
    if next(wheels.glob("lineside-*.whl"), None):
        return wheels
    own, tree = room / "own", room / "tree"
    for package in ("edge_agent", "trainer", "quantize", "deploy"):
        shutil.copytree(REPO / package, tree / package, dirs_exist_ok=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, tree)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(own)]
    run_tool([*build, str(tree)], room, "the agent's wheel cannot be built")
    shutil.rmtree(tree)
    wheel = next(own.glob("lineside-*.whl"))
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    target = ["--python-version", "3.11", "--only-binary=:all:", "-d", str(wheels)]
    pins = ["-c", str(REPO / "constraints.txt")]
    words = [sys.executable, "-m", "pip", "download", "-q", *platforms, *target, *pins]
    asked = ["pip", f"lineside[device,gpio] @ {wheel.as_uri()}"]
    run_tool([*words, *asked], room, "aarch64 wheels cannot be downloaded")
    shutil.copy(wheel, wheels)
    return wheels


def _tree_sha256() -> str:
    digest = hashlib.sha256((REPO / "pyproject.toml").read_bytes())
    digest.update((REPO / "constraints.txt").read_bytes())
    paths = (path for name in SOURCES for path in (REPO / name).rglob("*"))
    for path in sorted(path for path in paths if path.is_file() and path.suffix != ".pyc"):
        digest.update(str(path.relative_to(REPO)).encode() + path.read_bytes())
    return digest.hexdigest()
