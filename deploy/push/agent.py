"""The newest agent of a folder of releases, handed to a host that cannot reach that folder."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from packaging.version import Version as Order

from deploy.push.host import Answer, Host, run_with_files
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.manifest import parse_json
from edge_agent.contracts.model.wheel_set import AGENT_LINE, WheelSet

VERB = ["self-update", "start"]


def push_agent(host: Host, releases: Path, name: str, *options: str) -> Answer:
    """Run `self-update start` at the host with what it needs of `releases`.

    name: of the wheel set; empty where the folder has one name only. Raises ConfigError where
    there is none, StorageError for a file that is missing, DeviceError for a host out of reach.
    """
    chosen = newest_set(releases, name)
    words = [f"--name={chosen.name}", *options]
    return run_with_files(host, VERB, "--from", releases, _archive(releases, chosen), *words)


def newest_set(releases: Path, name: str) -> WheelSet:
    """The newest wheel set `name` that lies in `releases`; its signature is the station's to check.

    Raises ConfigError that names those that are there.
    """
    files = sorted((releases / "targets" / AGENT_LINE).glob("*.wheels"))
    found = [parse_json(WheelSet, path.read_bytes(), str(path)) for path in files]
    names = sorted({one.name for one in found})
    wanted = name or (names[0] if len(names) == 1 else "")
    if wanted not in names:
        raise ConfigError(
            f"holds {len(names)} kinds of agents ({', '.join(names) or 'none'})",
            where=str(releases),
            cure="name one with --name" if names else "run `lineside-deploy release --agent DIR`",
        )
    return max((one for one in found if one.name == wanted), key=lambda one: Order(one.version))


def _archive(releases: Path, chosen: WheelSet) -> bytes:
    """A tar file of the metadata, the lists, and the wheels of one set."""
    wheels = [releases / wheel.place for wheel in chosen.wheels]
    for path, wheel in zip(wheels, chosen.wheels, strict=True):
        if not path.is_file() or sha256_hex(path.read_bytes()) != wheel.sha256:
            raise StorageError(
                "is missing, or damaged", where=str(path), cure="release the agent again"
            )
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        lists = sorted((releases / "targets" / AGENT_LINE).glob("*.wheels"))
        for path in (*sorted((releases / "metadata").glob("*.json")), *lists, *wheels):
            archive.add(path, str(path.relative_to(releases)))
    return stream.getvalue()
