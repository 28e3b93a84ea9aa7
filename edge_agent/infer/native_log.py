"""What the runtime's C++ code writes to stderr, without its INFO lines."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def without_info_lines() -> Iterator[None]:
    """Hold back stderr inside; afterwards pass on every line that does not begin with INFO."""
    with tempfile.TemporaryFile() as held:
        true_stderr = os.dup(STDERR)
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        finally:
            os.dup2(true_stderr, STDERR)
            os.close(true_stderr)
            held.seek(0)
            for line in held:
                if not line.startswith(b"INFO"):
                    os.write(STDERR, line)
