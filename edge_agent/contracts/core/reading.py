"""One place where the exceptions of all readers become an InputError with file and cure."""

from __future__ import annotations

import contextlib
import csv
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator

from edge_agent.contracts.core.errors import InputError

UNREADABLE = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, RuntimeError,
    SyntaxError, TypeError, ValueError, csv.Error, struct.error, tokenize.TokenError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What numpy, csv, zipfile and the readers on top of them raise for damaged or hostile files."""


@contextlib.contextmanager
def reading(where: str, what: str, cure: str = "write it again") -> Iterator[None]:
    """Run a reader; raises InputError "not `what` (...)" for whatever the reader cannot take."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", where=where, cure="save it as UTF-8") from error
    except OSError as error:
        # pyarrow raises OSError for damaged bytes; only the system's own errors have a number.
        if error.errno is None:
            raise _not(what, where, cure, error) from error
        raise InputError(
            f"cannot be read ({error.strerror or error})", where=where, cure="check the path"
        ) from error
    except MemoryError as error:
        raise InputError("needs more memory than there is", where=where, cure=cure) from error
    except UNREADABLE as error:
        raise _not(what, where, cure, error) from error


def _not(what: str, where: str, cure: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(f"not {what} ({reason})", where=where, cure=cure)
