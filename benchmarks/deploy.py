"""Flashing against bmaptool on the same image and card in one run; memory; refusals. Rollouts.

    python -m benchmarks.deploy [--quick] [--only flash|rollout|mqtt]

Flashing as root: the cards are loop devices. Both programs run as whole commands, by turns.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rollout_mqtt import rollout_mqtt_rows
from benchmarks.rollout_rows import rollout_rows
from benchmarks.rows import Row, print_rows, say
from benchmarks.wrong_cards import MIB, loop_device, tries_that_wrote, wrong_cards


@dataclass(frozen=True)
class Took:
    """One command: wall and processor time in seconds, and the largest resident memory in MB."""

    wall_s: float
    cpu_s: float
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
    with loop_device(card) as device:
        rows = _speed_rows(image, card, device, rounds)
    return [*rows, _refusal_row(folder, refusals)]


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
        wall, cpu = zip(
            *((one.wall_s / other.wall_s, one.cpu_s / other.cpu_s) for one, other in pairs),
            strict=True,
        )
        value = statistics.median(wall)
        rows.append(Row(f"flash: {name} over bmaptool", value, "lower", "", rounds, reach=reach))
        what = f"flash: processor time over bmaptool, {name}"
        rows.append(Row(what, statistics.median(cpu), "lower", "", rounds))
    return rows


PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
sys.exit(done.returncode)
"""
"""Prints a command's peak in kB and processor time in seconds. The kernel counts a parent's memory
as its child's until the child's exec, so that the parent must be a small process of its own."""


def _run(command: list[str]) -> Took:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command], capture_output=True, text=True, check=False
    )
    wall_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr[-500:]}")
    peak_kb, cpu_s = done.stdout.split()
    return Took(wall_s, float(cpu_s), int(peak_kb) / 1024)


def _refusal_row(folder: Path, count: int) -> Row:
    """Wrong, busy and lying cards; the value is the number of tries that wrote to one."""
    folder = folder / "wrong"
    folder.mkdir()
    image = folder / "small.img"
    _make_image(image, 2 * MIB)
    with wrong_cards(folder) as cards:
        say(f"{count} tries on: {', '.join(card.name for card in cards)}")
        wrote = tries_that_wrote(image, cards, count)
    return Row("flash: wrong devices written to", len(wrote), "lower", "", count, reach=0)


def _make_image(path: Path, size: int) -> None:
    """Random bytes with a boot signature, a MiB at a time."""
    chance = random.Random(5)
    with path.open("wb") as stream:
        for _ in range(size // MIB):
            stream.write(chance.randbytes(MIB))
        stream.seek(510)
        stream.write(b"\x55\xaa")


if __name__ == "__main__":
    sys.exit(main())
