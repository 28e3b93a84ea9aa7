"""How fast a model runs: on this machine in fresh processes, or on a station over ssh."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import BundleError, ConfigError, DeviceError, LinesideError
from edge_agent.contracts.core.isolation import ended_error

LIMIT_S = 600
SSH_FAILED = 255
NOT_FOUND = 127
SCRIPT = """\
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cat > "$folder"/{name} || exit 1
{command} "$folder"/{name} {words}
"""
"""What runs on the station: the file comes by standard input and is removed whatever happens."""


@dataclass(frozen=True)
class Timing:
    """Wall times of one model with so many threads; cold start is process start to first output."""

    runtime: str
    threads: int
    runs: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cold_start_ms: float
    rss_mb: float


@dataclass(frozen=True)
class Station:
    """Where to time: USER@HOST, the program's name or path there, and ssh's configuration."""

    host: str
    program: str = "lineside-quantize"
    ssh_config: Path | None = None


def time_model(
    model: bytes,
    threads: int = 1,
    runs: int = 200,
    runtime: str = "auto",
    *,
    where: str = "model.tflite",
) -> Timing:
    """Time the bytes of a .tflite file, which messages call `where`, in a fresh process.

    Raises BundleError if it cannot run, DeviceError where the accelerator it needs is absent.
    """
    with tempfile.TemporaryDirectory(prefix="lineside-bench-") as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        job = {"model": str(path), "threads": threads, "runs": runs, "runtime": runtime}
        done = _run_worker({**job, "started_ns": time.time_ns()}, where)
    if done.returncode < 0:
        raise ended_error(-done.returncode, where)
    if done.returncode != 0:
        kind = DeviceError if done.returncode == DeviceError.exit_code else BundleError
        raise kind(
            f"cannot be timed ({_last_line(done.stderr).removeprefix('model.tflite: ')})",
            where=where,
            cure="see lineside-quantize inspect",
        )
    return Timing(**json.loads(done.stdout.splitlines()[-1]))


def _run_worker(job: dict[str, object], where: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", "quantize.bench.worker", json.dumps(job)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(
            f"is not timed within {LIMIT_S} s", where=where, cure="give fewer --runs"
        ) from error


def machine_name() -> str:
    """The board's own name, or that of its processor; with the architecture."""
    board, table = Path("/proc/device-tree/model"), Path("/proc/cpuinfo")
    name = platform.processor()
    if board.is_file():
        name = board.read_text(encoding="utf-8").strip("\0\n ")
    elif table.is_file():
        lines = table.read_text(encoding="utf-8").splitlines()
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        name = named[0] if named else name
    return f"{name or 'unknown'}, {os.cpu_count()} cores, {platform.machine()}"


def time_on_station(bundle: Path, station: Station, words: list[str]) -> tuple[str, list[Timing]]:
    """Time a bundle there by the station's own program; its machine's name, and the timings.

    words: further words of its `bench`. Nothing stays on the station. Raises DeviceError where it
    cannot be reached or lacks the program, BundleError where the bundle cannot run there.
    """
    command = [*_program(station), "bench"]
    script = SCRIPT.format(
        name=shlex.quote(bundle.name),
        command=shlex.join(command),
        words=shlex.join([*words, "--json"]),
    )
    output = _there(station, script, bundle.read_bytes())
    try:
        document = json.loads(output.splitlines()[-1])
        return str(document["machine"]), [Timing(**one) for one in document["timings"]]
    except (ValueError, LookupError, TypeError) as error:
        raise DeviceError(
            f"its bench answers {_last_line(output)[:80]!r}",
            where=station.host,
            cure="install the same version of Lineside there",
        ) from error


def _program(station: Station) -> list[str]:
    try:
        return shlex.split(station.program)
    except ValueError as error:
        cure = "close every quotation mark"
        raise ConfigError(f"{error}", where="--program", cure=cure) from error


def _there(station: Station, script: str, payload: bytes) -> str:
    config = ["-F", str(station.ssh_config)] if station.ssh_config else []
    command = ["ssh", "-T", "-o", "BatchMode=yes", *config, "--", station.host]
    try:
        done = subprocess.run(
            [*command, f"sh -c {shlex.quote(script)}"],
            input=payload,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise DeviceError(
            "ssh is not installed", where=station.host, cure="apt install openssh-client"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"no answer within {LIMIT_S} s", where=station.host, cure="check the station"
        ) from error
    if done.returncode != 0:
        raise _refusal(station, done.returncode, _last_line(_text(done.stderr)))
    return _text(done.stdout)


def _refusal(station: Station, code: int, output: str) -> LinesideError:
    if code == SSH_FAILED:
        cure = f"make `ssh -o BatchMode=yes {station.host} true` work: host known, key accepted"
        return DeviceError(f"cannot be reached by ssh ({output})", where=station.host, cure=cure)
    if code == NOT_FOUND:
        cure = "install lineside[device] there, or give its path with --program"
        return DeviceError(f"has no {station.program} ({output})", where=station.host, cure=cure)
    kind = DeviceError if code == DeviceError.exit_code else BundleError
    return kind(f"bench fails there ({output})", where=station.host, cure="run it there by hand")


def _text(output: bytes) -> str:
    return output.decode("utf-8", errors="replace")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1].rstrip("\r")
