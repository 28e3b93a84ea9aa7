"""What OpenCV's decoders write to stderr about a picture that they go on to return.

Only a TIFF needs it: libtiff fills what it cannot unpack, and no return value says so.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
_TURN = threading.Lock()
"""There is one stderr: two threads that held it back at once would leave it held back."""


@contextmanager
def decoder_words() -> Iterator[list[str]]:
    """A list that holds the decoder's lines when the block has ended; others are passed on."""
    words: list[str] = []
    with _TURN, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        try:
            true_stderr = os.dup(STDERR)
        except OSError:  # a program without stderr: nothing can be heard
            yield words
            return
        os.dup2(held.fileno(), STDERR)
        try:
            yield words
        finally:
            sys.stderr.flush()
            os.dup2(true_stderr, STDERR)
            held.seek(0)
            for line in held:
                if b"TIFF" in line or b"imgcodecs" in line or line == b"\n":
                    words.append(line.decode(errors="replace").strip())
                else:
                    os.write(true_stderr, line)
            os.close(true_stderr)
