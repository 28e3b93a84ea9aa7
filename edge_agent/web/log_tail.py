"""The last lines of the log, without secrets."""

from __future__ import annotations

import logging
import re
from collections import deque

LINES = 200
LONGEST = 500
SECRET = re.compile(
    r"(?i)((?:password|passwd|secret|token|api[_-]?key|authorization)\S*?\s*[=:]\s*)(\S+)"
)
IN_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@")


class LogTail(logging.Handler):
    """Keeps the last lines of WARNING and above, and of INFO."""

    def __init__(self, lines: int = LINES) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[str] = deque(maxlen=lines)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        try:
            self._lines.append(without_secrets(self.format(record))[:LONGEST])
        except (TypeError, ValueError):
            self.handleError(record)

    def lines(self) -> list[str]:
        """The lines, the newest last."""
        return list(self._lines)


def without_secrets(text: str) -> str:
    """The text with **** for passwords, tokens and credentials in addresses."""
    return IN_ADDRESS.sub(r"\1****@", SECRET.sub(r"\1****", text))
