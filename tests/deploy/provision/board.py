"""A board that runs: a copy of this system (overlay) in which every login of a real sshd ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.deploy import sshd

MAKE = """
set -e
mount -t tmpfs tmpfs {work}
mkdir {work}/upper {work}/work {work}/root
mount -t overlay overlay -o lowerdir=/,upperdir={work}/upper,workdir={work}/work {work}/root
mount --rbind /dev {work}/root/dev
mount -t tmpfs tmpfs {work}/root/tmp
rm -rf {work}/root/opt/lineside* {work}/root/var/lib/lineside {work}/root/root/.ssh
echo ready
exec cat
"""
LOGIN = """\
#!/bin/sh
unset TMPDIR
exec nsenter --mount=/proc/{pid}/ns/mnt chroot {work}/root sh -c "$SSH_ORIGINAL_COMMAND"
"""


@dataclass(frozen=True)
class RunningBoard:
    """ssh_config: in which it is `station`; pid: of who holds its file system."""

    ssh_config: Path
    pid: int
    work: Path

    def run(self, script: str) -> str:
        """What a script prints on the board, run as root past ssh."""
        command = ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "chroot", f"{self.work}/root"]
        done = subprocess.run(
            [*command, "sh", "-c", script], capture_output=True, text=True, check=False
        )
        return done.stdout


def missing() -> str:
    """Why no board can run here; empty where it can."""
    return "NOT TESTED: a board needs root" if os.geteuid() else sshd.missing()


@contextmanager
def running_board(folder: Path) -> Iterator[RunningBoard]:
    """A board, until the block ends; raises OSError where this system allows no overlay."""
    work = folder / "work"
    work.mkdir()
    command = ["unshare", "--mount", "sh", "-c", MAKE.format(work=work)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != "ready\n":
            raise OSError(holder.stderr.read()[-300:])
        login = folder / "login"
        login.write_text(LOGIN.format(pid=holder.pid, work=work))
        login.chmod(0o755)
        (folder / "ssh").mkdir()
        try:
            with sshd.served(folder / "ssh", str(login)) as config:
                yield RunningBoard(config, holder.pid, work)
        finally:
            holder.terminate()
