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
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.push.ssh import TIMEOUT_S, run_script
from deploy.push.trust import root_text
from edge_agent.contracts.core.errors import ConfigError

PROGRAM = "lineside-agent"
ENVIRONMENT_S = 3600
"""A board that is slow or busy builds an environment of wheels for so long: an emulated one with a
third of a processor did for more than 900 s. ssh notices a dead one within a minute."""

BUNDLE = "lineside-bundle"
"""Folder of the copy of a bundle, in a temporary one."""

RECEIVE = """\
set -e
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder"/{folder}
cat > "$folder"/{folder}/{name}
"""
"""Only the sender may read the copy on its way; `slots install` sets the modes of what it makes."""

UNPACK = """\
set -e
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar -x -C "$folder" -f -
"""

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


def install(host: Host, name: str, payload: bytes, trust: Path | None, *options: str) -> Answer:
    """Hand a bundle to the host's `slots install`, as a file `name` with the bytes `payload`.

    trust: the root.json that a station without one shall trust. Raises StorageError for a file
    that cannot be read, DeviceError for a host out of reach.
    """
    return hand_over(host, ["slots", "install"], name, payload, *options, trust=trust)


def hand_over(
    host: Host,
    verb: list[str],
    name: str,
    payload: bytes,
    *options: str,
    trust: Path | None = None,
) -> Answer:
    """Run `VERB --root=DIR OPTIONS -- BUNDLE` at the host with a bundle; raises as install does."""
    command = [*verb, f"--root={host.folder}", *options]
    root = None if trust is None else root_text(trust)
    if host.address:
        return _by_name(name, _send(host, command, name, payload, root))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / BUNDLE / name
        path.parent.mkdir()
        path.write_bytes(payload)
        words = [*command, *([f"--trust={trust}"] if trust else []), "--", str(path)]
        return _by_name(name, _run_here(words))


def ask(host: Host, *words: str, verb: str = "slots") -> Answer:
    """Run `VERB WORDS` at the host; raises DeviceError where it is out of reach."""
    command = [verb, words[0], f"--root={host.folder}", *words[1:]]
    if not host.address:
        return _run_here(command)
    return _run_there(host, "", shlex.join(command), b"")


def run_with_files(
    host: Host, verb: list[str], option: str, folder: Path, archive: bytes, *options: str
) -> Answer:
    """Run `VERB --root=DIR OPTIONS OPTION=FOLDER` at the host, where FOLDER is a copy of `folder`.

    archive: a tar file of what the host needs of it; a host on this machine reads `folder` itself.
    It has ENVIRONMENT_S: what comes in files is built there.
    """
    command = [*verb, f"--root={host.folder}", *options]
    if not host.address:
        return _run_here([*command, f"{option}={folder}"])
    return _run_there(
        host, UNPACK, f'{shlex.join(command)} {option}="$folder"', archive, ENVIRONMENT_S
    )


def _by_name(name: str, answer: Answer) -> Answer:
    """What was said of the copy in its temporary folder, said of the file `name`."""
    copy = re.compile(rf"/[^\s:]*/{BUNDLE}/{re.escape(name)}")

    def named(text: str) -> str:
        return copy.sub(lambda _: name, text)

    return replace(answer, stdout=named(answer.stdout), stderr=named(answer.stderr))


def _run_here(words: list[str]) -> Answer:
    command = [sys.executable, "-P", "-m", "edge_agent", *words]
    done = subprocess.run(command, capture_output=True, check=False)
    return Answer(done.returncode, _text(done.stdout), _text(done.stderr))


def _send(host: Host, command: list[str], name: str, payload: bytes, root: str | None) -> Answer:
    """Stream the bundle to a temporary folder of the host and install it from there.

    One connection and no sftp, which small systems lack; the folder goes away in every case.
    """
    receive, words = RECEIVE.format(folder=BUNDLE, name=shlex.quote(name)), [shlex.join(command)]
    if root is not None:
        receive += f'printf %s {shlex.quote(root)} > "$folder"/root.json\n'
        words.append('--trust="$folder"/root.json')
    words += ["--", f'"$folder"/{BUNDLE}/{shlex.quote(name)}']
    return _run_there(host, receive, " ".join(words), payload)


def _run_there(
    host: Host, before: str, words: str, payload: bytes, most_s: float = TIMEOUT_S
) -> Answer:
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
        most_s=most_s,
    )
    greeting, _, stdout = _text(done.stdout).rpartition(f"{mark}\n")
    return Answer(done.returncode, stdout, _text(done.stderr), greeting)


def _text(output: bytes) -> str:
    """What a host printed; a login script may well speak Latin-1, which any bytes are."""
    try:
        return output.decode("utf-8")
    except UnicodeDecodeError:
        return output.decode("latin-1")
