"""A real sshd for one user on a free port of this machine, and an ssh that knows it."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.brokers import free_port

SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
SetEnv TMPDIR={folder}/scratch
"""

CLIENT = """\
Host station
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/user
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known
  StrictHostKeyChecking yes
"""


def missing() -> str:
    """Why no server can run here; empty where it can."""
    lacking = [name for name in ("ssh", "ssh-keygen") if shutil.which(name) is None]
    if not Path("/usr/sbin/sshd").exists():
        lacking.append("/usr/sbin/sshd")
    return f"not installed: {', '.join(lacking)} (apt install openssh-server)" if lacking else ""


@contextmanager
def served(folder: Path, forced: str = "") -> Iterator[Path]:
    """Run sshd; gives the client's configuration, in which the host is `station`.

    forced: the command that every login runs in the place of its own (sshd_config(5)).

    The station's temporary folder is `scratch` beside the configuration.
    """
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    (folder / "scratch").mkdir()
    port = free_port()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    rule = f"ForceCommand {forced}\n" if forced else ""
    (folder / "sshd_config").write_text(SERVER.format(port=port, folder=folder) + rule)
    client = folder / "ssh_config"
    client.write_text(CLIENT.format(port=port, folder=folder, user=getpass.getuser()))
    Path("/run/sshd").mkdir(exist_ok=True)
    command = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as server:
        try:
            _wait(port, server, folder / "log")
            yield client
        finally:
            server.terminate()


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        if server.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {log.read_text()}")
