"""What native libraries write to stderr: some lines are taken, all others are passed on."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STDERR = 2
_TURN = threading.Lock()
"""There is one stderr: two threads that held it back at once would leave it held back."""


@contextmanager
def held_stderr(is_taken: Callable[[bytes], bool]) -> Iterator[list[str]]:
    """Hold back stderr inside. Afterwards the list has the lines that `is_taken`, and the others
    are written to stderr, whatever ended the block.
    """
    taken: list[str] = []
    with _TURN, tempfile.TemporaryFile() as held:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            true_stderr = os.dup(STDERR)
        except OSError:  # a program without stderr: there is nothing to read
            yield taken
            return
        os.dup2(held.fileno(), STDERR)
        try:
            yield taken
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(true_stderr, STDERR)
            os.close(true_stderr)
            held.seek(0)
            for line in held:
                if is_taken(line):
                    taken.append(line.decode(errors="replace").strip())
                else:
                    os.write(STDERR, line)
