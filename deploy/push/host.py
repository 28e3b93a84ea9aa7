"""Installing on a host: its own program does the work, here or at the other end of ssh.

A host is a folder on this machine (`station`, `/mnt/card/lineside`) or one on another
(`user@host:folder`). Both run `lineside-agent slots`, so there is one code path on the station.
"""

from __future__ import annotations

import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from deploy.push.ssh import run_script
from edge_agent.contracts.core.errors import ConfigError, SignatureError, StorageError

PROGRAM = "lineside-agent"

RECEIVE = """\
set -e
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder"/bundle "$folder"/keys
cat > "$folder"/bundle/{name}
"""
"""Only the sender may read the copy on its way; `slots install` sets the modes of what it makes."""

ADDRESS = re.compile(r"((?:[^/:@\[]+@)?(?:\[[^\]/]+\]|[^/:@\[]+)):(.+)", re.DOTALL)
"""`[user@]host:folder`, with an IPv6 address in brackets, as scp reads it."""


@dataclass(frozen=True)
class Host:
    """A station folder and the way to it; `address` is empty on this machine."""

    folder: str
    address: str = ""
    program: str = PROGRAM
    ssh_config: Path | None = None

    def __str__(self) -> str:
        return f"{self.address}:{self.folder}" if self.address else self.folder


@dataclass(frozen=True)
class Answer:
    """Exit code and output of the host's `lineside-agent slots`.

    `greeting` is what the host printed before the program began: a banner, a login script.
    """

    code: int
    stdout: str
    stderr: str
    greeting: str = ""


def parse_host(text: str, program: str = PROGRAM, ssh_config: Path | None = None) -> Host:
    """`DIR` or `[user@]host:DIR`; raises ConfigError for a name that ssh would take for more."""
    found = ADDRESS.fullmatch(text)
    if found is None:
        return Host(text, program=program)
    address, folder = found[1], found[2]
    name = address.rpartition("@")[2].lstrip("[")
    if address.startswith("-") or name.startswith("-") or not re.fullmatch(r"[^\s\0]+", address):
        raise ConfigError(f"{address!r} is no host", where="HOST", cure="write user@host:DIR")
    return Host(folder, address, program, ssh_config)


def install(host: Host, bundle: Path, trust: Sequence[Path], *options: str) -> Answer:
    """Hand the bundle to the host's `slots install`; `trust` are public keys to trust from now on.

    Raises StorageError for a file that cannot be read, DeviceError for a host out of reach.
    """
    command = ["slots", "install", f"--root={host.folder}", *options]
    if not host.address:
        return _run_here([*command, *_trusting(map(str, trust)), "--", str(bundle)])
    return _send(host, command, bundle, trust)


def ask(host: Host, *words: str) -> Answer:
    """Run `slots WORDS` at the host; raises DeviceError where it is out of reach."""
    command = ["slots", words[0], f"--root={host.folder}", *words[1:]]
    if not host.address:
        return _run_here(command)
    return _run_there(host, "", shlex.join(command), b"")


def _run_here(words: list[str]) -> Answer:
    command = [sys.executable, "-P", "-m", "edge_agent", *words]
    done = subprocess.run(command, capture_output=True, check=False)
    return Answer(done.returncode, _text(done.stdout), _text(done.stderr))


def _send(host: Host, command: list[str], bundle: Path, trust: Sequence[Path]) -> Answer:
    """Stream the bundle to a temporary folder of the host and install it from there.

    One connection and no sftp, which small systems lack; the folder goes away in every case.
    """
    payload = _read(bundle)
    keys = [_key_text(path) for path in trust]
    name = shlex.quote(bundle.name)
    files = [f'"$folder"/keys/{number}.pub' for number in range(len(keys))]
    receive = RECEIVE.format(name=name) + "".join(
        f"printf %s {shlex.quote(key)} > {file}\n" for key, file in zip(keys, files, strict=True)
    )
    words = [shlex.join(command), *_trusting(files), "--", f'"$folder"/bundle/{name}']
    return _run_there(host, receive, " ".join(words), payload)


def _trusting(files: Sequence[str] | map[str]) -> list[str]:
    return [word for file in files for word in ("--trust", file)]


def _run_there(host: Host, before: str, words: str, payload: bytes) -> Answer:
    """Run the host's program behind a mark, which parts its output from what the host greets with.

    A login script may print anything, in any encoding, before the program begins.
    """
    mark = f"lineside-{secrets.token_hex(8)}"
    program = shlex.join(shlex.split(host.program))
    done = run_script(
        host.address,
        f"{before}echo {mark}\n{program} {words}\n",
        payload,
        ssh_config=host.ssh_config,
        program=host.program,
    )
    greeting, _, stdout = _text(done.stdout).rpartition(f"{mark}\n")
    return Answer(done.returncode, stdout, _text(done.stderr), greeting)


def _key_text(path: Path) -> str:
    """A key as a word of the script; raises SignatureError by the name that it has here."""
    payload = _read(path)
    try:
        load_pem_public_key(payload)
        return payload.decode("ascii")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(
            "not a public key in PEM",
            where=str(path),
            cure="name the .pub file that `lineside-deploy keys init` wrote",
        ) from error


def _text(output: bytes) -> str:
    """What a host printed; a login script may well speak Latin-1, which any bytes are."""
    try:
        return output.decode("utf-8")
    except UnicodeDecodeError:
        return output.decode("latin-1")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"cannot be read ({error.strerror})", where=str(path), cure="check the path"
        ) from error
