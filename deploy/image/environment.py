"""The agent's own Python environment in the image, made without running an arm64 program."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.image.workstation import run_tool
from edge_agent.contracts.core.errors import StorageError

HOME = "opt/lineside"
"""A link to the environment, so that another one takes its place in one step, also on an overlay,
which cannot exchange a folder of the read-only root."""

PLACE = "opt/lineside-image"
PLATFORMS = (
    "manylinux_2_28_aarch64",
    "manylinux_2_27_aarch64",
    "manylinux_2_17_aarch64",
    "manylinux2014_aarch64",
)
PROGRAMS = ("lineside-agent", "lineside-deploy")
CONFIG = "home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
"""pyvenv.cfg (docs.python.org, venv)."""


def install_agent(root: Path, wheels: Sequence[Path]) -> None:
    """Install `lineside[device]` and all other `wheels` into `root`, offline; raises StorageError.

    Wheels of drivers, as gpiod for pins, come beside those that every station needs. pip of the
    wheels runs on the workstation's Python, and takes wheels for the board's. What it writes names
    no folder of the workstation, and the workstation's settings of pip do not count.
    """
    version = python_version(root)
    home = root / PLACE
    site = home / "lib" / f"python{version}" / "site-packages"
    site.mkdir(parents=True)
    (root / HOME).symlink_to(home.name)
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    pip = next(path for path in wheels if path.name.startswith("pip-"))
    words = [sys.executable, f"{pip}/pip", "--isolated", "--disable-pip-version-check"]
    words += ["install", "--no-index", "--find-links", str(pip.parent), "--no-compile"]
    words += ["--root-user-action", "ignore", "--only-binary=:all:"]
    words += ["--implementation", "cp", "--python-version", version]
    # By name: of a path pip keeps the whole in direct_url.json.
    names = ("==".join(path.name.split("-")[:2]) for path in wheels)
    others = [name for name in names if not name.startswith(("pip==", "lineside=="))]
    target = ["--target", str(site), "lineside[device]"]
    run_tool(
        [*words, *platforms, *target, *others], "the agent cannot be installed from the wheels"
    )
    (home / "pyvenv.cfg").write_text(CONFIG.format(version=version))
    _write_programs(home, site)
    _compile(root, site, version)


def python_version(root: Path) -> str:
    """The image's Python, as 3.11; raises StorageError where there is none."""
    found = [path.name.removeprefix("python") for path in root.glob("usr/bin/python3.[0-9]*")]
    found = [name for name in found if name.replace(".", "").isdigit()]
    if len(found) != 1:
        cure = "take another suite of Debian"
        raise StorageError(f"has {len(found)} Pythons, one is needed", where=str(root), cure=cure)
    return found[0]


def _write_programs(home: Path, site: Path) -> None:
    """Scripts that pip wrote for the workstation's Python start the board's."""
    (home / "bin").mkdir()
    (home / "bin/python3").symlink_to("/usr/bin/python3")
    (home / "bin/python").symlink_to("python3")
    for name in PROGRAMS:
        _, _, body = (site / "bin" / name).read_text().partition("\n")
        program = home / "bin" / name
        program.write_text(f"#!/{HOME}/bin/python\n{body}")
        program.chmod(0o755)
    shutil.rmtree(site / "bin")


def _compile(root: Path, site: Path, version: str) -> None:
    """Nobody can do it later, for the root is read-only; bytecode is alike on every processor."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    words = ["-m", "compileall", "-q", "-j", "0"]
    if own == version:
        shown = ["-s", str(root), "-p", "/", str(site)]
        run_tool([sys.executable, *words, *shown], "the agent cannot be compiled")
    else:
        inside = f"/{site.relative_to(root)}"
        run_tool(["chroot", str(root), "python3", *words, inside], "the agent cannot be compiled")
