"""How the four programs end: on an error, on Ctrl-C, and when the reader hangs up."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("edge_agent", "trainer", "quantize", "deploy")
VERBS = """
import time
from pathlib import Path
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.command import add_verb

def register(verbs):
    for run in (loud, slow, absent, unreadable, odd, found):
        add_verb(verbs, run.__name__, "a verb", "example", run)

def loud(arguments):
    while True:
        print("a line of the result")

def slow(arguments):
    print("begun", flush=True)
    time.sleep(30)

def absent(arguments):
    raise DeviceError("no such camera", where="/dev/video9", cure="plug it in")

def unreadable(arguments):
    Path("no such folder", "part.png").read_bytes()

def odd(arguments):
    print("part\\udcff.png")
    return 0

def found(arguments):
    return 3
"""
MAIN = "import sys; from bench.program import PROGRAM; sys.exit(PROGRAM.main())"
PROGRAM = """
from edge_agent.contracts.core.command import Program
PROGRAM = Program("bench", "bench.cli", "a program", "example")
"""


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A folder with a program of verbs that end in every way."""
    (tmp_path / "bench" / "cli").mkdir(parents=True)
    (tmp_path / "bench" / "__init__.py").touch()
    (tmp_path / "bench" / "cli" / "__init__.py").touch()
    (tmp_path / "bench" / "program.py").write_text(PROGRAM)
    (tmp_path / "bench" / "cli" / "verbs.py").write_text(VERBS)
    return tmp_path


SURROUNDINGS = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": ""}


def start(folder: Path, *words: str, signals: str = "") -> subprocess.Popen[str]:
    """`signals`: what `env` sets of the signals that the program inherits."""
    command = [*(["env", signals] if signals else []), sys.executable, *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=SURROUNDINGS
    )


def run(folder: Path, verb: str) -> tuple[int, str, str]:
    with start(folder, "-c", MAIN, verb) as program:
        out, err = program.communicate(timeout=20)
    return program.returncode, out, err


@pytest.mark.parametrize("package", PACKAGES)
def test_all_four_programs_are_run_by_the_same_code(package: str) -> None:
    cli = importlib.import_module(f"{package}.__main__")
    assert cli.main == cli.PROGRAM.main
    assert cli.PROGRAM.package == f"{package}.cli"


@pytest.mark.parametrize("package", PACKAGES)
def test_each_verb_is_known_where_its_own_module_alone_is_imported(package: str) -> None:
    program = importlib.import_module(f"{package}.__main__").PROGRAM
    for verb in verbs_of(program.parser()):
        assert verb in verbs_of(program.parser([verb]))


def verbs_of(parser: argparse.ArgumentParser) -> list[str]:
    subparsers = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return [verb for one in subparsers for verb in one.choices]


@pytest.mark.parametrize("package", PACKAGES)
def test_reader_that_hangs_up_gets_no_traceback(package: str, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", package, "--help"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, env=SURROUNDINGS
    ) as program:
        os.close(write)
        assert (program.communicate(timeout=20)[1], program.returncode) == ("", 141)


def test_verb_that_still_prints_ends_when_the_reader_hangs_up(bench: Path) -> None:
    with start(bench, "-c", MAIN, "loud") as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        assert (program.wait(20), program.stderr.read()) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_output_on_a_full_disk_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "quantize", "targets"]
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, env=SURROUNDINGS
        ) as program,
    ):
        said = program.communicate(timeout=20)[1]
    assert program.returncode == 1
    assert said.startswith("error: no space left")
    assert said.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_is_one_word(bench: Path, number: signal.Signals) -> None:
    with start(bench, "-c", MAIN, "slow", signals="--default-signal=INT,TERM,HUP") as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.send_signal(number)
        _, said = program.communicate(timeout=20)
    assert (program.returncode, said) == (128 + number, "interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_is_ignored_from_outside_stays_ignored(
    bench: Path, number: signal.Signals
) -> None:
    """As under nohup, and in the background of a shell script."""
    signals = f"--ignore-signal={number.name.removeprefix('SIG')}"
    with start(bench, "-c", MAIN, "slow", signals=signals) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.send_signal(number)
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=20)
    assert program.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("verb", "ending"),
    [
        ("absent", (4, "", "error: /dev/video9: no such camera: plug it in\n")),
        ("odd", (0, "part\\udcff.png\n", "")),
        ("found", (3, "", "")),
    ],
    ids=str,
)
def test_verb_ends_with_its_code_and_words(
    bench: Path, verb: str, ending: tuple[int, str, str]
) -> None:
    assert run(bench, verb) == ending


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["deploy", "pusch", "a.bundle"], "did you mean push?"),
        (["deploy", "push", "a.bundle", "--to", "b", "--dryrun"], "did you mean --dry-run?"),
        (["deploy", "keys", "inti", "keys"], "did you mean init?"),
        (["edge_agent", "xyz"], "(choose from 'audit',"),
    ],
    ids=str,
)
def test_mistyped_verb_or_option_is_answered_with_the_nearest(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    package, *rest = words
    with pytest.raises(SystemExit) as caught:
        importlib.import_module(f"{package}.__main__").main(rest)
    assert caught.value.code == 2
    assert hint in capsys.readouterr().err


def test_an_option_of_another_verb_is_not_proposed_as_its_own_cure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        importlib.import_module("deploy.__main__").main(["release", "a.bundle", "--dry-run"])
    assert "did you mean --dry-run" not in capsys.readouterr().err


def test_file_that_the_system_refuses_is_named_in_one_line(bench: Path) -> None:
    code, out, said = run(bench, "unreadable")
    assert (code, out) == (1, "")
    assert said.startswith("error: no such folder/part.png: No such file or directory: check")
    assert said.count("\n") == 1
