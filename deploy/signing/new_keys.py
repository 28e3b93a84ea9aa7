"""A workshop's first keys and its root of trust."""

from __future__ import annotations

from pathlib import Path

from deploy.signing.keys import (
    ONLINE,
    ROOT_JSON,
    ROOTS,
    TARGETS,
    Keyring,
    line_key,
    make_folder,
    write_public,
)
from deploy.signing.metadata import Life, first_root, to_text
from deploy.signing.repository import FIRST_LINE
from edge_agent.contracts.core.files import write_atomic


def make_keys(keys: Keyring, life: Life) -> Path:
    """Make every key of a workshop with one product line; returns root.json. Overwrites nothing."""
    folder = keys.folder
    make_folder(folder)
    for name in (*ROOTS, TARGETS, line_key(FIRST_LINE)):
        keys.make(name)
    write_public(folder / f"{ONLINE}.pub", keys.make(ONLINE))
    write_atomic(folder / ROOT_JSON, to_text(first_root(keys, life)))
    return folder / ROOT_JSON
