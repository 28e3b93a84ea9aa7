"""A program of another machine holds nobody up, and fills no memory."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from deploy.push.bounded_run import TooMuchSaidError, bounded_run


def run(text: str, payload: bytes = b"", most_s: float = 60) -> tuple[int, bytes, bytes]:
    words = [sys.executable, "-c", text]
    done = bounded_run(words, payload, most_s=most_s, most_bytes=1 << 20)
    return done.returncode, done.stdout, done.stderr


def test_what_it_says_and_how_it_ends_is_the_answer() -> None:
    text = "import sys; sys.stdout.write(sys.stdin.read()[::-1]); sys.stderr.write('no'); exit(3)"
    assert run(text, b"abc" * 100_000) == (3, b"cba" * 100_000, b"no")


def test_one_that_reads_nothing_of_what_it_is_sent_ends_too() -> None:
    assert run("print(1)", bytes(1 << 22)) == (0, b"1\n", b"")


@pytest.mark.parametrize("where", ["stdout", "stderr"])
def test_one_that_talks_without_an_end_is_killed(where: str) -> None:
    with pytest.raises(TooMuchSaidError):
        run(f"import sys\nwhile True: sys.{where}.write('x' * 1000)")


def test_one_that_drips_is_killed_at_the_deadline() -> None:
    text = "import time\nwhile True: print('x', flush=True); time.sleep(0.05)"
    with pytest.raises(subprocess.TimeoutExpired):
        run(text, most_s=1)


def test_one_that_leaves_its_pipes_to_another_ends_at_the_deadline_too() -> None:
    """As ssh with a proxy that lives on."""
    child = "import time; time.sleep(20)"
    text = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run(text, most_s=2)
    assert time.monotonic() - began < 15
