"""What numpy raises for an .npz that is damaged, hostile or no .npz at all."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib

UNREADABLE_ARRAYS = (
    ValueError,
    LookupError,
    OSError,
    EOFError,
    TypeError,
    AttributeError,
    NotImplementedError,
    MemoryError,
    ArithmeticError,
    RuntimeError,  # an entry that says it is encrypted
    struct.error,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Of np.load and of reading the members: damaged bytes, other compression, absurd shapes, a plain
.npy."""
