"""The appliance's root file system: Debian packages, the agent, and what makes it read-only."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.flash.boot_files import AGENT_SCRIPT, script_text
from deploy.image.environment import HOME, install_agent
from deploy.image.initramfs import write_initramfs
from deploy.image.system_files import system_file, write_system_files
from deploy.image.two_systems import PACKAGES as TWO_SYSTEMS_PACKAGES
from deploy.image.two_systems import TwoSystems, write_two_systems
from deploy.image.workstation import run_tool

PACKAGES = (
    "busybox-static,ca-certificates,dbus,e2fsck-static,e2fsprogs,fdisk,iproute2,libpam-systemd,"
    "linux-image-arm64,netbase,openssh-server,procps,python3,rfkill,sudo,systemd-boot-efi,"
    "systemd-resolved,systemd-sysv,systemd-timesyncd,tpm2-tools,tzdata,udev,wpasupplicant"
)
WRITABLE = ("var", "home", "root")
"""Folders of the root that lie on the partition of the state."""


@dataclass(frozen=True)
class Recipe:
    """What the tree is made of. suite: of Debian; mirror: empty for that of the workstation.

    wheels_sha256: the name of the set of wheels, by which a later one is told from it. two: of an
    image that is one of two systems.
    """

    suite: str
    mirror: str
    wheels: tuple[Path, ...]
    wheels_sha256: str
    two: TwoSystems | None = None


def build_tree(recipe: Recipe, folder: Path, say: Callable[[str], None]) -> tuple[Path, Path]:
    """The read-only root and the first state, below `folder`; raises StorageError."""
    root = folder / "root"
    say(f"Debian {recipe.suite} for arm64 (minutes)")
    _bootstrap(recipe, folder, root)
    say("the agent and its wheels, offline")
    configure_tree(root, recipe)
    return root, split_state(root, folder / "state")


def configure_tree(root: Path, recipe: Recipe) -> None:
    """Make an appliance of a Debian tree: system files, the agent's environment, the initramfs."""
    write_system_files(root)
    if recipe.two is not None:
        write_two_systems(root, recipe.two)
    install_agent(root, recipe.wheels)
    (root / HOME / "wheels.sha256").write_text(f"{recipe.wheels_sha256}\n")
    scripts = {"configure.sh": system_file("configure.sh").encode()}
    scripts[AGENT_SCRIPT] = script_text(AGENT_SCRIPT)
    for name, text in scripts.items():
        (root / name).write_bytes(text)
    run_tool(["unshare", "--mount", "sh", "-c", IN_ROOT, "sh", str(root)], "cannot be configured")
    for name in scripts:
        (root / name).unlink()
    write_initramfs(root, root / "boot/initrd.img")


IN_ROOT = """
set -e
mount -t proc proc "$1/proc"
mount -t devtmpfs dev "$1/dev" || mount --rbind /dev "$1/dev"
exec chroot "$1" sh /configure.sh
"""
"""The mounts are in a namespace of their own, and end with the script."""


def _bootstrap(recipe: Recipe, folder: Path, root: Path) -> None:
    options = folder / "dpkg.cfg"
    options.write_text(system_file("dpkg.txt"))
    # What it mounts inside the tree ends with it, however it ends, and nothing of it is copied.
    words = [
        "unshare",
        "--mount",
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--architectures=arm64",
    ]
    words += ['--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"']
    packages = PACKAGES if recipe.two is None else f"{PACKAGES},{TWO_SYSTEMS_PACKAGES}"
    words += [f"--dpkgopt={options}", "--dpkgopt=force-unsafe-io", f"--include={packages}"]
    places = [recipe.mirror] if recipe.mirror else []
    run_tool([*words, recipe.suite, str(root), *places], "Debian cannot be installed", INITRD="No")


def split_state(root: Path, state: Path) -> Path:
    """Move what is written to from `root` to `state`; empty folders stay as mount points."""
    state.mkdir()
    for name in WRITABLE:
        shutil.move(root / name, state / name)
        (root / name).mkdir(mode=0o755)
    for name in ("etc", "opt"):
        for part in ("upper", "work"):
            (state / "overlay" / name / part).mkdir(parents=True)
    return state
