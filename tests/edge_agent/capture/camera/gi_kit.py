"""PyGObject of Debian's python3 for this interpreter, without Debian's other packages."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

DEBIAN = Path("/usr/lib/python3/dist-packages/gi")


@cache
def link_gi() -> str:
    """Make `import gi` work; why it does not, or nothing."""
    try:
        import gi
    except ImportError:
        room = Path(mkdtemp(prefix="lineside-gi-"))
        (room / "gi").symlink_to(DEBIAN)
        sys.path.append(str(room))
        try:
            import gi  # noqa: F401
        except ImportError as error:
            return f"no PyGObject for this Python ({error}): apt install python3-gi"
    return ""


@cache
def missing(namespace: str, version: str) -> str:
    """Why a namespace is not there, or nothing."""
    reason = link_gi()
    if reason:
        return reason
    import gi

    try:
        gi.require_version(namespace, version)
    except ValueError as error:
        return str(error)
    return ""
