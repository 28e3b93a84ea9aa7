"""A stopwatch says both times, of clocks that are given."""

from __future__ import annotations

import os
import subprocess
import sys

from trainer.console.stopwatch import Stopwatch


def test_it_says_the_time_since_it_was_made_and_what_of_it_the_processor_worked() -> None:
    clock, processor = iter([100.0, 123.4]), iter([7.0, 17.2])
    watch = Stopwatch(lambda: next(clock), lambda: next(processor))
    assert str(watch) == "23 s (10 s of processor)"


def test_a_child_that_has_ended_counts_as_processor_time() -> None:
    before = sum(os.times()[2:4])
    watch = Stopwatch(clock=lambda: 0.0)
    work = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.8: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    assert sum(os.times()[2:4]) - before > 0.7
    assert int(str(watch).split("(")[1].split()[0]) >= 1
