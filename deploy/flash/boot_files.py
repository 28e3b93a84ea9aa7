"""The files that customise a board at its first boot, for each format of an image.

One script does the work everywhere (first-boot.sh); the format only decides how it is started.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from deploy.flash.board import Board, authorized_keys, read_file, wifi_password
from deploy.flash.network import network_manager_text, wpa_key, wpa_supplicant_text
from deploy.flash.os_list import InitFormat
from deploy.systemd.unit import FOLLOW_NAME, NAME, follow_text, unit_text
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.toml import read_toml_document

SCRIPT, AGENT_SCRIPT, START_SCRIPT = "first-boot.sh", "install-agent.sh", "start.sh"
WHEELS_SHA256 = "wheels/wheels.sha256"
COPY = "/var/lib/lineside-first-boot"
START = f'sh "$d/lineside/{START_SCRIPT}" "$d"'
"""The script runs from a copy, for it removes what lies on the boot partition."""

PIP_OPTIONS = (
    "--only-binary :all: --python-version 3.11 --platform manylinux_2_28_aarch64 "
    "--platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64"
)
"""One package or another has wheels for one of these alone. The agent's own wheel is named by its
path: `lineside` is on no index, and a stranger could give that name to a package of his."""

RUN_ONCE = (
    " systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot"
    " systemd.unit=kernel-command-line.target"
)
"""systemd-run-generator(8); images that mount it at /boot/firmware correct the path themselves."""


@dataclass(frozen=True)
class Contents:
    """What a station gets. folder: what the paths of the board are relative to.

    agent_in_image: the image brings the agent, as an appliance's does.
    """

    board: Board
    folder: Path
    station: Path
    trust: Path | None = None
    releases: Path | None = None
    wheels: Path | None = None
    bundles: tuple[Path, ...] = ()
    agent_in_image: bool = False


def station_files(contents: Contents) -> dict[str, bytes | Path]:
    """The folder `lineside` of the boot partition; raises ConfigError before a card is touched."""
    read_toml_document(contents.station)
    board = contents.board
    found: dict[str, bytes | Path] = {
        "hostname": board.hostname.encode(),
        "timezone": board.timezone.encode(),
        "user": board.user.name.encode(),
        "authorized_keys": authorized_keys(board, contents.folder),
        "station.toml": read_file(contents.station),
        NAME: unit_text().encode(),
        **_follow(board),
        **{one: script_text(one) for one in (SCRIPT, AGENT_SCRIPT, START_SCRIPT)},
        **_wifi(board, contents.folder),
        **({"trust/root.json": read_file(contents.trust)} if contents.trust else {}),
        **(wheel_files(contents.wheels) if contents.wheels else {}),
        **_bundles(contents),
    }
    for number, (target, source) in enumerate(sorted(board.files.items())):
        found[f"files/{number}"] = read_file(contents.folder / source)
        found[f"files/{number}.path"] = target.encode()
    return {f"lineside/{name}": content for name, content in found.items()}


def _follow(board: Board) -> dict[str, bytes | Path]:
    if not board.follow:
        return {}
    return {FOLLOW_NAME: follow_text(board.follow, ca=board.follow_ca).encode()}


def script_text(name: str) -> bytes:
    """A shell script of this room."""
    return (files("deploy") / "flash" / name).read_bytes()


def hook_files(init: InitFormat, hostname: str, cmdline: bytes) -> dict[str, bytes | Path]:
    """What starts the script. cmdline: the kernel's command line as it lies in the image."""
    if init == "lineside":  # a unit of the appliance finds the folder by itself
        return {}
    if init == "systemd":
        line = cmdline.decode(errors="surrogateescape").strip()
        if not line or "systemd.run" in line:
            raise ConfigError(
                "cmdline.txt is empty or already runs a script",
                where="the image",
                cure="take the image as it was published",
            )
        script = f'#!/bin/sh\nd=$(dirname "$0")\nexec {START}\n'
        return {
            "firstrun.sh": script.encode(),
            "cmdline.txt": f"{line}{RUN_ONCE}\n".encode(errors="surrogateescape"),
        }
    return {
        "user-data": _user_data().encode(),
        "meta-data": f"instance-id: lineside-{hostname}\n".encode(),
    }


def _user_data() -> str:
    """JSON is YAML. It holds nothing that a user wrote.

    runcmd is of one boot only, also where power is cut in it; bootcmd is of each
    (docs.cloud-init.io, module reference), and puts in place what goes on then.
    """
    search = 'for d in /boot/firmware /boot /boot/efi; do [ ! -d "$d/lineside" ] || {}; done'
    document = {
        "users": [],
        "ssh_pwauth": False,
        "bootcmd": [["sh", "-c", search.format(f"{START} prepare")]],
        "runcmd": [["sh", "-c", search.format(f"exec {START}")]],
        "power_state": {"mode": "reboot", "condition": "test ! -d " + COPY},
    }
    return f"#cloud-config\n{json.dumps(document)}\n"


def _wifi(board: Board, folder: Path) -> dict[str, bytes | Path]:
    if board.wifi is None:
        return {}
    ssid = board.wifi.ssid.encode("utf-8", "surrogateescape")
    key = wpa_key(ssid, wifi_password(board.wifi, folder))
    return {
        "wifi.nmconnection": network_manager_text(ssid, key).encode(),
        "wpa_supplicant.conf": wpa_supplicant_text(ssid, key, board.wifi.country).encode(),
        "country": board.wifi.country.encode(),
    }


def wheel_files(folder: Path) -> dict[str, bytes | Path]:
    """The files by which install-agent.sh installs the wheels in `folder`; raises ConfigError.

    wheels.sha256 names the set: the hash of every wheel's name and content.
    """
    if not folder.is_dir():
        raise ConfigError("no such folder", where=str(folder), cure="check the path of --wheels")
    found = sorted(folder.glob("*.whl"))
    faults = list(_wheel_faults(found, folder))
    if faults:
        whats, cures = zip(*faults, strict=True)
        raise ConfigError("; ".join(whats), where=str(folder), cure="; ".join(dict.fromkeys(cures)))
    sums = "".join(f"{path.name} {sha256_hex(read_file(path))}\n" for path in found)
    names: dict[str, bytes | Path] = {f"wheels/{path.name}": path for path in found}
    return {**names, WHEELS_SHA256: sha256_hex(sums.encode()).encode()}


def _wheel_faults(wheels: Sequence[Path], folder: Path) -> Iterator[tuple[str, str]]:
    """(what, cure) of all that is wrong with the set of wheels in `folder`."""
    projects: dict[str, str] = {}
    for path in wheels:
        project = path.name.partition("-")[0].lower()
        if project in projects:
            yield (
                f"{projects[project]} and {path.name} are wheels of one project",
                "leave the one of them in the folder that the board shall have",
            )
        projects[project] = path.name
    if not {"pip", "lineside"} <= projects.keys():
        yield (
            "needs the wheels of lineside and of pip, which installs the others",
            f"`make wheel`, then pip download {PIP_OPTIONS} -d {folder} pip "
            """"$(ls dist/lineside-*.whl)[device]\"""",
        )


def _bundles(contents: Contents) -> dict[str, bytes | Path]:
    """The bundles with their newest signatures, so that the board takes them in any order."""
    has_agent = contents.wheels is not None or contents.agent_in_image
    if contents.bundles and not (contents.trust and has_agent):
        cure = "add --trust ROOT.json and --wheels DIR: the board installs and checks it offline"
        raise ConfigError("a bundle alone cannot be installed", where="--bundle", cure=cure)
    for path in contents.bundles:
        if path.suffix != ".bundle" or not path.is_file():
            raise ConfigError("no bundle", where=str(path), cure="name a signed .bundle file")
    # Bundles bring OpenCV and tuf, 60 MB, which a card without one need not pay.
    from deploy.signing.release import is_repository

    if contents.releases is None or not is_repository(contents.releases):
        return {f"bundles/{path.name}": path for path in contents.bundles}
    return {
        f"bundles/{path.name}": bundle_payload(path, contents.releases) for path in contents.bundles
    }


def bundle_payload(path: Path, releases: Path | None) -> bytes:
    """A bundle as the card brings it: with its newest signature in `releases`, where it has one."""
    from deploy.signing.release import is_repository, with_newest_signature
    from edge_agent.contracts.model.bundle import read_bundle

    if releases is None or not is_repository(releases):
        return path.read_bytes()
    return with_newest_signature(read_bundle(path), releases)
