"""Carrying a plan out over ssh; every step may be repeated after a broken connection."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from deploy.broker.station_certificate import is_good, sign_request
from deploy.flash.boot_files import AGENT_SCRIPT, script_text
from deploy.provision.board_state import BoardState
from deploy.provision.plan import FOLDER, STATION, Plan
from deploy.push.host import Host, ask, install
from deploy.push.ssh import run_script
from edge_agent.contracts.core.errors import DeviceError, StorageError
from edge_agent.contracts.model.manifest import Manifest

AGENT = "/opt/lineside/bin/lineside-agent"
UNPACK = """\
set -eu
umask 077
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
tar -x -C "$here" -f -
sh "$here/provision.sh" "$here"
"""
SERVICE = """\
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
systemctl enable lineside-agent
if [ -d /run/systemd/system ]; then systemctl restart --no-block lineside-agent; fi
rm -f /var/lib/lineside-restart-due
"""
"""A station that is not armed yet counts as starting for minutes: that is not waited for."""


@dataclass(frozen=True)
class Board:
    """A board that can be reached, and what it said of itself."""

    host: Host
    state: BoardState

    def agent(self) -> Host:
        """The station's folder and its own program, as root."""
        program = AGENT if self.state.user == "root" else f"sudo -n {AGENT}"
        return Host(FOLDER, self.host.address, program, self.host.ssh_config)

    def as_root(self, script: str, payload: bytes = b"") -> bytes:
        """Run a script as root; its output. Raises DeviceError with its last words."""
        words = f"exec {'' if self.state.user == 'root' else 'sudo -n '}sh -c {shlex.quote(script)}"
        done = run_script(self.host.address, words, payload, ssh_config=self.host.ssh_config)
        if done.returncode:
            last = done.stderr.decode("utf-8", "replace").strip()[-400:]
            raise DeviceError(
                f"a step failed ({last})", where=self.host.address, cure="mend it, and run it again"
            )
        return done.stdout


def apply_plan(board: Board, plan: Plan, wheels: Mapping[str, bytes | Path]) -> None:
    """Send what the board lacks, and put it in place; raises DeviceError."""
    if plan.lines():
        payload = _archive(plan, board.state.user, wheels if plan.wheels else {})
        board.as_root(UNPACK, payload)


def ensure_certificate(board: Board, path: str, broker: Path, name: str, now: datetime) -> bool:
    """Let the station have a certificate of its own key at `path`; whether it is a new one."""
    stored = board.as_root(f"cat {shlex.quote(path)} 2>/dev/null || true")
    if is_good(broker, stored, name, now):
        return False
    agent = shlex.join([AGENT, "identity"])
    request = board.as_root(f"{agent} request {STATION}")
    place = f"touch /var/lib/lineside-restart-due && {agent} install {STATION}"
    board.as_root(place, sign_request(broker, request, name, now))
    return True


def ensure_bundle(
    board: Board, manifest: Manifest, file: str, payload: bytes, trust: Path | None
) -> bool:
    """Install a bundle where the station has not this version of it; whether it was done.

    Raises StorageError where the station refuses it.
    """
    agent = board.agent()
    title = (manifest.spec.name, manifest.version)
    with contextlib.suppress(ValueError):
        slots = json.loads(ask(agent, "status", "--json").stdout)
        if any((slot["name"], slot["version"]) == title and not slot["fault"] for slot in slots):
            return False
    answer = install(agent, file, payload, trust)
    if answer.code:
        raise StorageError(
            f"the station refuses it ({answer.stderr.strip()})", where=file, cure="mend that"
        )
    return True


def ensure_service(board: Board) -> None:
    """Let the agent run with what it has now."""
    board.as_root(SERVICE)


def _archive(plan: Plan, user: str, wheels: Mapping[str, bytes | Path]) -> bytes:
    """A tar file of what provision.sh reads."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        add = _adder(archive)
        add("provision.sh", (files("deploy") / "provision" / "provision.sh").read_bytes())
        add(AGENT_SCRIPT, script_text(AGENT_SCRIPT))
        if plan.hostname:
            add("hostname", plan.hostname.encode())
        if plan.keys:
            add("user", user.encode())
            add("keys", "".join(f"{key}\n" for key in plan.keys).encode())
        for number, file in enumerate(plan.files):
            add(f"files/{number}", file.payload)
            add(f"files/{number}.path", file.path.encode())
            add(f"files/{number}.mode", file.mode.encode())
        for name, content in wheels.items():
            add(name, content if isinstance(content, bytes) else content.read_bytes())
    return stream.getvalue()


def _adder(archive: tarfile.TarFile) -> Callable[[str, bytes], None]:
    def add(name: str, payload: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(payload), 0o600
        archive.addfile(entry, io.BytesIO(payload))

    return add
