"""Flashing against bmaptool on the same image and card in one run; memory; refusals. Rollouts.

    python -m benchmarks.deploy [--quick] [--only flash|rollout|mqtt]

Flashing as root: the cards are loop devices. Both programs run as whole commands, by turns.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rollout_mqtt import rollout_mqtt_rows
from benchmarks.rollout_rows import rollout_rows
from benchmarks.rows import Row, print_rows, say
from deploy.__main__ import main as deploy_main

MIB = 1 << 20


@dataclass(frozen=True)
class Took:
    """One command: wall time in seconds and the largest resident memory in MB."""

    wall_s: float
    rss_mb: float


def main(argv: list[str] | None = None) -> int:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small image, few refusals")
    parser.add_argument("--only", choices=("flash", "rollout", "mqtt"), help="one part")
    args = parser.parse_args(argv)
    parts = {"rollout": rollout_rows, "mqtt": rollout_mqtt_rows, "flash": flash_rows}
    rows: list[Row] = []
    for name, part in parts.items():
        if args.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                rows += part(Path(folder), quick=args.quick)
    print_rows(rows)
    return 0


def flash_rows(folder: Path, *, quick: bool) -> list[Row]:
    """The rows of `flash`; those against bmaptool only where it is installed."""
    size, rounds, refusals = (32 * MIB, 1, 20) if quick else (512 * MIB, 3, 500)
    image = folder / "os.img"
    _make_image(image, size)
    card = folder / "card"
    with card.open("wb") as stream:
        stream.truncate(size + 16 * MIB)
    with _loop(card) as device:
        rows = _speed_rows(image, card, device, rounds)
    return [*rows, _refusal_row(folder, image, refusals)]


def _speed_rows(image: Path, card: Path, device: str, rounds: int) -> list[Row]:
    ours = [sys.executable, "-m", "deploy", "flash", str(image), device, f"--serial={card}"]
    commands = {
        "write": [*ours, "--yes", "--no-verify"],
        "write and verify": [*ours, "--yes"],
    }
    bmaptool = shutil.which("bmaptool")
    if bmaptool:
        commands["bmaptool"] = [bmaptool, "-q", "copy", "--nobmap", str(image), device]
    took: dict[str, list[Took]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            took[name].append(_run(command))
            say(f"round {number + 1}: {name} {took[name][-1].wall_s:.2f} s")
    rss = max(one.rss_mb for name in commands if name != "bmaptool" for one in took[name])
    rows = [Row("flash: resident memory", rss, "lower", "MB", rounds, reach=64)]
    if not bmaptool:
        say("NOT MEASURED: bmaptool (Debian: bmap-tools) is not installed")
        return rows
    for name, reach in (("write", 1.1), ("write and verify", 2.2)):
        pairs = zip(took[name], took["bmaptool"], strict=True)
        ratio = statistics.median(one.wall_s / other.wall_s for one, other in pairs)
        rows.append(Row(f"flash: {name} over bmaptool", ratio, "lower", "", rounds, reach=reach))
    return rows


PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
"""Prints the peak of a command in kB. The kernel counts a parent's memory as its child's until the
child's exec, so that the parent must be a small process of its own."""


def _run(command: list[str]) -> Took:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command], capture_output=True, text=True, check=False
    )
    wall_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-500:]}")
    return Took(wall_s, int(done.stdout) / 1024)


def _refusal_row(folder: Path, image: Path, count: int) -> Row:
    """Wrong, locked and too small cards; the value is the number of them that changed."""
    small = folder / "small"
    small.write_bytes(random.Random(3).randbytes(2 * MIB))
    before, chance, changed = hashlib.sha256(small.read_bytes()).digest(), random.Random(4), 0
    with _loop(small) as free, _loop(small, "--read-only") as locked:
        right = f"--serial={small}"
        cases = [
            [free, right],
            [free],
            [free, "--serial=0x0"],
            [locked, right],
            [str(small), right],
            [f"{free}absent"],
        ]
        for _ in range(count):
            words = ["flash", str(image), "--yes", *chance.choice(cases)]
            with contextlib.redirect_stderr(io.StringIO()):
                code = deploy_main(words)
            now = hashlib.sha256(small.read_bytes()).digest()
            changed += code not in (1, 2, 4) or now != before
    return Row("flash: wrong devices written to", changed, "lower", "", count, reach=0)


def _make_image(path: Path, size: int) -> None:
    """Random bytes with a boot signature, a MiB at a time."""
    chance = random.Random(5)
    with path.open("wb") as stream:
        for _ in range(size // MIB):
            stream.write(chance.randbytes(MIB))
        stream.seek(510)
        stream.write(b"\x55\xaa")


@contextlib.contextmanager
def _loop(file: Path, *options: str) -> Iterator[str]:
    command = ["losetup", "--find", "--show", *options, str(file)]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


if __name__ == "__main__":
    sys.exit(main())
