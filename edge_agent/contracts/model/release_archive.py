"""One release in one file, for programs that carry files: NAME-VERSION.release.

A stored ZIP with the paths of a folder of releases: `metadata/` whole, and one file of `targets/`.
Its name says which bundle is meant; what is in it is checked like the folder itself.
"""

from __future__ import annotations

import re

ARCHIVE = re.compile(r"([a-z0-9][a-z0-9_-]{0,62})-(\d+\.\d+\.\d+)\.release")
"""Name and version of the bundle."""


def archive_name(name: str, version: str) -> str:
    """The file name of a release of the bundle `name`."""
    return f"{name}-{version}.release"
