"""Reading and writing a station's folder `trust`: see edge_agent.update.trusted."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.errors import SignatureError, StorageError
from edge_agent.update.folder import Folder
from edge_agent.update.stored import parse_stored
from edge_agent.update.trusted import Trusted

ROOT_JSON, TRUSTED_JSON = "root.json", "trusted.json"


def read_trusted(trust: Folder) -> Trusted | None:
    """What the open folder `trust` holds; None where the station was given no root yet.

    Raises StorageError for a damaged file.
    """
    text = trust.read(TRUSTED_JSON)
    if text is None:
        root = trust.read(ROOT_JSON)
        return None if root is None else _given(root, trust.path / ROOT_JSON)
    what = "what this station has trusted is damaged"
    cure = "remove this file, and push the newest release with --trust"
    return parse_stored(Trusted, text, trust.path / TRUSTED_JSON, what, cure)


def read_trust_folder(folder: Path) -> Trusted | None:
    """The same for a folder by its path; None also where there is no such folder.

    Raises SignatureError for one that cannot be read.
    """
    try:
        with Folder.open(folder, guarded=False) as trust:
            return read_trusted(trust)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SignatureError(
            f"the folder of the trusted root cannot be read ({error.strerror})",
            where=str(folder),
            cure="give this user the right to read it",
        ) from error


def read_root(path: Path) -> Trusted:
    """What a station trusts that is given the root file `path`; raises SignatureError."""
    try:
        return _given(path.read_bytes(), path)
    except OSError as error:
        raise SignatureError(
            f"the root cannot be read ({error.strerror})", where=str(path), cure="check the file"
        ) from error


def write_trusted(station: Folder, before: Trusted | None, after: Trusted) -> None:
    """Make `after` durable where `before` is still what the station trusts.

    What is the same already is not written. Raises OSError, or StorageError where another install
    came in between.
    """
    text = after.model_dump_json().encode()
    with station.subfolder("trust", create=True) as trust, trust.locked():
        if trust.read(TRUSTED_JSON) == text:
            return
        if before is not None and read_trusted(trust) not in (before, None):
            raise StorageError(
                "another install ended in between", where=str(trust.path), cure="install it again"
            )
        trust.write(TRUSTED_JSON, text)


def _given(root: bytes, path: Path) -> Trusted:
    # tuf costs 0.1 s and 9 MB, which a station that has installed its bundles need not pay.
    from edge_agent.update.metadata import check_root

    return check_root(root, path)
