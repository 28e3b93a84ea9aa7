"""Situations of the field and attacks, run as they are filed: one row each, 1 right, 0 wrong.

    python -m benchmarks.cases ../shared/cases [--only images/nas-folders] [--show]

Each folder is copied to a scratch place and its cmd.sh is run there with the programs of this
environment; an attack is run by this Python. benchmarks/cases_expected.py has the outcomes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.cases_expected import TRACEBACK, Expected, expected
from benchmarks.cases_inputs import write_inputs
from benchmarks.cases_moved import WORDS, follow_moves
from benchmarks.rows import Row, print_rows, say

ROOT = Path(__file__).parents[1]
QUICK = ("images/huge-picture", "images/nas-folders", "station/duplicate_axis_names")


def main() -> int:
    """Run the cases; exit 3 where one is wrong."""
    options = _options()
    names = [name for name in find_cases(options.data) if _wanted(name, options)]
    rows = []
    for name in names:
        faults, output = run_case(options.data, name)
        say(f"{'right' if not faults else 'WRONG'}  {name}  {'; '.join(faults)}")
        if options.show:
            say(output)
        rows.append(Row(name, float(not faults), "higher", reach=1.0))
    say(f"{sum(row.value == 1 for row in rows)} of {len(rows)} right")
    print_rows(rows)
    return 0 if all(row.value == 1 for row in rows) else 3


def find_cases(data: Path) -> list[str]:
    """Every folder with a cmd.sh, and every attack, by its path below `data`."""
    folders = [path.parent for path in data.glob("*/*/cmd.sh")]
    attacks = [path for path in (data / "attacks").glob("*.*") if path.stem not in ("kit",)]
    scripts = [path for path in attacks if path.suffix in (".py", ".sh")]
    return sorted(path.relative_to(data).as_posix() for path in (*folders, *scripts))


def run_case(data: Path, name: str) -> tuple[list[str], str]:
    """What is wrong with the outcome of a case, and its whole output."""
    outcome = expected(name)
    with tempfile.TemporaryDirectory(prefix="cases.", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / name.split("/")[0]
        shutil.copytree(data / copy.name, copy, symlinks=True)
        subprocess.run(["chmod", "-R", "u+w", str(copy)], check=True)
        follow_moves(copy)
        if copy.name == "attacks":
            write_inputs(
                Path(folder) / "attacks" / "work", data / "station/bundles/loudness.bundle"
            )
        output, timed_out = _run(copy / name.split("/")[1], outcome.seconds, WORDS.get(name, ()))
    faults = judge(outcome, output)
    if timed_out:
        faults.insert(0, f"not done after {outcome.seconds:.0f} s")
    return faults, output


def judge(outcome: Expected, output: str) -> list[str]:
    """The expectations that an output does not meet."""
    faults = [f"lacks {one}" for one in outcome.must if not re.search(one, output, re.M)]
    never = outcome.never if outcome.traceback else (*outcome.never, TRACEBACK)
    faults += [f"has {one}" for one in never if re.search(one, output, re.M)]
    for pattern, holds in outcome.figures:
        found = list(re.finditer(pattern, output, re.M))
        faults += [] if found else [f"lacks {pattern}"]
        for match in found:
            if not holds(*(float(group) for group in match.groups())):
                faults.append(f"wrong figures: {match[0][:200]}")
    return faults


def _run(place: Path, seconds: float, words: tuple[str, ...]) -> tuple[str, bool]:
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "BIN": str(programs),
        "PROJECT": str(ROOT),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COLUMNS": "200",
        "WORK": str(place.parent / "work"),
    }
    command = ["bash", str(place / "cmd.sh")] if place.is_dir() else [*_script(place), *words]
    # Into a file: a broker that a failed script leaves at work would keep a pipe open.
    with tempfile.TemporaryFile() as output:
        run = subprocess.Popen(
            command,
            cwd=place if place.is_dir() else place.parent,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timed_out = False
        try:
            run.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
        _end_group(run.pid)
        run.wait()
        output.seek(0)
        return output.read().decode(errors="replace"), timed_out


def _end_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _script(place: Path) -> list[str]:
    return ["bash", str(place)] if place.suffix == ".sh" else [sys.executable, str(place)]


def _wanted(name: str, options: argparse.Namespace) -> bool:
    if options.only:
        return any(name.startswith(one) for one in options.only)
    return name in QUICK if options.quick else True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, metavar="CASES")
    parser.add_argument("--only", action="append", metavar="NAME", help="a case, or images, ...")
    parser.add_argument("--quick", action="store_true", help="three cases")
    parser.add_argument("--show", action="store_true", help="the whole output on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
