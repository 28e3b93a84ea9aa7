"""Which root of trust a push brings along for a station that has none."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from edge_agent.contracts.core.errors import SignatureError, StorageError
from edge_agent.contracts.model.bundle import parse_bundle
from edge_agent.contracts.model.manifest import parse_json
from edge_agent.contracts.model.signature import Signature

MOST_ROOT_BYTES = 1 << 16


def releasing_root(offered: Sequence[Path], payload: bytes, where: str) -> Path | None:
    """Of several root files the one under which the bundle `payload` was released.

    A station trusts one root, and only this one lets the bundle in. None where none is offered;
    an only one is given to the station, which judges it. Raises SignatureError for a file that is
    no root, and where the bundle was released under none of them; StorageError.
    """
    if len(offered) < 2:
        return next(iter(offered), None)
    signature = parse_json(Signature, parse_bundle(payload, where).signature or b"", where)
    texts = {path: root_text(path) for path in offered}
    for path, text in texts.items():
        if text in signature.roots:
            return path
    raise SignatureError(
        f"was released under none of these roots: {', '.join(map(str, offered))}",
        where=where,
        cure="name the root.json beside the keys that released it",
    )


def refuse_other_root(trust: Path, payload: bytes, where: str) -> None:
    """Raises SignatureError where the bundle `payload` is unsigned, or was not released under the
    root file `trust`: a station that is given this root refuses it. StorageError."""
    signature = parse_bundle(payload, where).signature
    if signature is None:
        raise SignatureError("not signed", where=where, cure="run `lineside-deploy release` on it")
    if root_text(trust) not in parse_json(Signature, signature, where).roots:
        raise SignatureError(
            f"was not released under the root {trust}",
            where=where,
            cure="name the root.json beside the keys that released it",
        )


def root_text(path: Path) -> str:
    """A root as a word of a script; raises SignatureError by the name that it has here."""
    payload = _read(path)
    if len(payload) <= MOST_ROOT_BYTES:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if json.loads(payload)["signed"]["_type"] == "root":
                return payload.decode("ascii")
    raise SignatureError(
        "no root of trust",
        where=str(path),
        cure="name the file root.json that `lineside-deploy keys init` wrote",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"cannot be read ({error.strerror})", where=str(path), cure="check the path"
        ) from error
