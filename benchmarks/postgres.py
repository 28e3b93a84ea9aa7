"""A PostgreSQL on this machine, from Debian's package, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil

from benchmarks.brokers import free_port

START_S = 30.0


def find_postgres() -> Path | None:
    """The folder of the newest server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).parent if program else None


class Postgres:
    """A server that keeps what it commits (fsync on); it may be killed and started again.

    It runs as the user postgres or nobody where this process is root, which it refuses.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None
        owner = _owner()
        self._user = None if owner is None else owner.pw_uid
        self._group = None if owner is None else owner.pw_gid

    @property
    def address(self) -> str:
        """For psycopg and `--db`."""
        return f"postgresql://lineside@127.0.0.1:{self.port}/postgres"

    def new_database(self, name: str) -> str:
        """Create an empty database; returns its address."""
        words = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "lineside", name]
        subprocess.run(self._words("createdb", *words), check=True, capture_output=True)
        return self.address.replace("/postgres", f"/{name}")

    def cpu_s(self) -> float:
        """Processor time of the server and of all its present backends."""
        if self._process is None:
            return 0.0
        server = psutil.Process(self._process.pid)
        times = []
        for one in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # a backend that ends just now
                times.append(one.cpu_times())
        return float(sum(one.user + one.system for one in times))

    def __enter__(self) -> Self:
        # Not in a folder of pytest, which closes it to other users whenever a session begins.
        self._folder = Path(tempfile.mkdtemp(prefix="lineside-postgres-"))
        if self._user is not None:
            os.chown(self._folder, self._user, self._group or 0)
        words = ["-A", "trust", "-U", "lineside", "-E", "UTF8", "--no-locale", "-N"]
        self._run("initdb", "-D", str(self._folder / "data"), *words)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start, and wait until it answers; after a kill it recovers first."""
        # No two backends of a killed server may be left, or the next one refuses to start.
        until = time.monotonic() + START_S
        words = ["-p", str(self.port), "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1"]
        command = self._words("postgres", "-D", str(self._folder / "data"), *words)
        while time.monotonic() < until:
            log = (self._folder / "server.log").open("ab")
            with log:
                self._process = subprocess.Popen(
                    command, stdout=log, stderr=log, user=self._user, group=self._group, cwd="/"
                )
            while self._process.poll() is None and time.monotonic() < until:
                if self._answers():
                    return
                time.sleep(0.05)
            time.sleep(0.2)
        raise TimeoutError(f"PostgreSQL does not start: {self._folder / 'server.log'}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the server as a power cut would (SIGKILL), or at once without a checkpoint."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_S)
            self._process = None

    def _answers(self) -> bool:
        words = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "lineside", "-d", "postgres"]
        done = subprocess.run(self._words("pg_isready", *words), capture_output=True, check=False)
        return done.returncode == 0

    def _words(self, program: str, *words: str) -> list[str]:
        folder = find_postgres()
        if folder is None:
            raise FileNotFoundError("PostgreSQL is not installed: apt install postgresql")
        return [str(folder / program), *words]

    def _run(self, program: str, *words: str) -> None:
        command = self._words(program, *words)
        done = subprocess.run(
            command, capture_output=True, user=self._user, group=self._group, cwd="/", check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program} fails: {done.stderr.decode(errors='replace')}")


def _owner() -> pwd.struct_passwd | None:
    """The user of the server where this process is root."""
    if os.geteuid() != 0:
        return None
    known = {one.pw_name: one for one in pwd.getpwall()}
    return known.get("postgres", known["nobody"])
