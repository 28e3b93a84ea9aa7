"""Bundles on a station: content-addressed slots, one switch, a way back.

    ROOT/trust/<key_id>.pub                          whose bundles are taken
    ROOT/bundles/NAME/slots/<sha256>/NAME.bundle     whole, never changed once it is there
    ROOT/bundles/NAME/current -> slots/<sha256>      what the agent arms
    ROOT/bundles/NAME/previous -> slots/<sha256>     what a rollback returns to
    ROOT/bundles/NAME/floor.json                     the highest version that was current

A bundle is written beside the slots, made durable, renamed into place; then the links are
switched one by one. A power cut at any moment leaves `current` at a whole bundle, the old or the
new one, and a way back. The floor outlives a rollback, so that only a person, never a replayed old
bundle, can take a station back.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import BundleError, RollbackError, StorageError
from edge_agent.contracts.core.files import fsync_dir, sha256_hex, storage_error, write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.contracts.model.manifest import Sha256, Version, parse_json
from edge_agent.contracts.model.signature import key_id
from edge_agent.update.atomic import leads_to, locked, make_folder, point
from edge_agent.update.signature import raw_bytes, read_public_key, verify_bundle

LOG = logging.getLogger("lineside.update")

SelfTest = Callable[[Bundle], None]
"""Runs a bundle's parity vectors on this machine; raises BundleError or ParityError."""


class Floor(Strict):
    """floor.json: nothing older than `version` is installed, nothing else of that version."""

    version: Version
    manifest_sha256: Sha256


@dataclass(frozen=True)
class Switched:
    """What an install or a rollback did; `replaced` is the version that was current, or empty."""

    name: str
    version: str
    sha256: str
    replaced: str
    changed: bool


@dataclass(frozen=True)
class SlotStatus:
    """One bundle name of a station; `fault` says why its current bundle cannot be used."""

    name: str
    version: str
    sha256: str
    previous: str
    floor: str
    fault: str


def install(
    source: Path,
    root: Path,
    self_test: SelfTest,
    *,
    trust: Path | None = None,
    dry_run: bool = False,
) -> Switched:
    """Check the bundle file `source`, store it under `root` and make it current.

    `trust` is a public key that the station shall trust from now on. With `dry_run` everything
    is checked and nothing written. Raises BundleError (SignatureError, RollbackError,
    ParityError) or StorageError; the current bundle is then what it was before.
    """
    bundle = read_bundle(source)
    home = root / "bundles" / bundle.manifest.spec.name
    verify_bundle(bundle, root / "trust", introduced=trust)
    _refuse_older(bundle, home)
    self_test(bundle)
    if dry_run:
        return Switched(*_names(bundle), _current_version(home), changed=False)
    try:
        make_folder(home / "slots")
        if trust is not None:
            _trust_key(root, trust)
        with locked(home):
            _refuse_older(bundle, home)
            _store(bundle, source.read_bytes(), home)
            switched = _switch(bundle, home)
            _clear(home)
    except OSError as error:
        raise storage_error(home, error) from error
    return switched


def rollback(name: str, root: Path, self_test: SelfTest) -> Switched:
    """Return to the previous bundle, on purpose: older than the floor is fine, the floor stays.

    The previous bundle is verified and tested like a new one before the switch.
    """
    home = _home(name, root)
    try:
        with locked(home):
            now = leads_to(home / "current")
            back = _way_back(home)
            if back is None:
                raise RollbackError(
                    "there is no previous bundle",
                    where=str(home),
                    cure="push the bundle that you want",
                )
            bundle = read_bundle(home / back / f"{name}.bundle")
            verify_bundle(bundle, root / "trust")
            self_test(bundle)
            replaced = _current_version(home)
            _raise_floor(home)
            point(home / "current", back)
            if now is not None:
                point(home / "previous", now)
    except OSError as error:
        raise storage_error(home, error) from error
    return Switched(*_names(bundle), replaced, changed=True)


def status(root: Path) -> list[SlotStatus]:
    """Every bundle name under `root`; a bundle that cannot be used has a `fault`."""
    if not root.is_dir():
        raise StorageError(
            "no such station folder", where=str(root), cure="check the path, or push a bundle there"
        )
    folder = root / "bundles"
    homes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [_status(home, root) for home in homes]


def installed_names(root: Path) -> list[str]:
    """The names of the bundles under `root`."""
    return [slot.name for slot in status(root)]


def _trust_key(root: Path, trust: Path) -> None:
    key = read_public_key(trust)
    make_folder(root / "trust")
    path = root / "trust" / f"{key_id(raw_bytes(key))}.pub"
    if not path.is_file() or path.read_bytes() != trust.read_bytes():
        write_atomic(path, trust.read_bytes())


def _refuse_older(bundle: Bundle, home: Path) -> None:
    floor = _floor(home)
    if floor is None:
        return
    offered = bundle.manifest.version
    if _order(offered) < _order(floor.version):
        raise RollbackError(
            f"version {offered} is older than {floor.version}, which this station has run",
            where=bundle.source,
            cure="convert the run again with a higher --version; to go back on purpose: "
            f"lineside-deploy rollback TARGET {bundle.manifest.spec.name}",
        )
    same = sha256_hex(bundle.manifest_bytes) == floor.manifest_sha256
    if _order(offered) == _order(floor.version) and not same:
        raise RollbackError(
            f"this station has another bundle of the same version {offered}",
            where=bundle.source,
            cure="convert the run again with a higher --version",
        )


def _store(bundle: Bundle, payload: bytes, home: Path) -> None:
    """Put the bundle into its slot: whole and durable, or not at all."""
    if sha256_hex(payload) != bundle.sha256:
        raise BundleError("changed while it was read", where=bundle.source, cure="install it again")
    slot = home / "slots" / bundle.sha256
    file = slot / f"{bundle.manifest.spec.name}.bundle"
    if slot.is_dir():
        if not file.is_file() or sha256_hex(file.read_bytes()) != bundle.sha256:
            write_atomic(file, payload)
        return
    fresh = home / "slots" / f".new-{secrets.token_hex(4)}"
    try:
        fresh.mkdir()
        write_atomic(fresh / file.name, payload)
        fresh.rename(slot)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    fsync_dir(slot.parent)


def _switch(bundle: Bundle, home: Path) -> Switched:
    """`previous` to what was current, then `current` to the new slot, then the floor."""
    now, new = leads_to(home / "current"), f"slots/{bundle.sha256}"
    replaced = _current_version(home)
    if now is not None and now != new:
        point(home / "previous", now)
    if now != new:
        point(home / "current", new)
    _raise_floor(home)
    return Switched(*_names(bundle), replaced, changed=now != new)


def _raise_floor(home: Path) -> None:
    floor, stored = _floor(home), _stored_floor(home)
    if floor is not None and floor != stored:
        write_atomic(home / "floor.json", floor.model_dump_json().encode())


def _floor(home: Path) -> Floor | None:
    """The higher one of floor.json and what is current: a power cut may fall between the two."""
    stored, current = _stored_floor(home), _current(home)
    if current is None:
        return stored
    manifest_sha256 = sha256_hex(current.manifest_bytes)
    reached = Floor(version=current.manifest.version, manifest_sha256=manifest_sha256)
    if stored is not None and _order(stored.version) >= _order(reached.version):
        return stored
    return reached


def _stored_floor(home: Path) -> Floor | None:
    path = home / "floor.json"
    if not path.is_file():
        return None
    try:
        return parse_json(Floor, path.read_bytes(), str(path))
    except BundleError as error:
        raise StorageError(
            f"damaged ({error.what})",
            where=str(path),
            cure="check the disk; then remove this file, and push the newest bundle at once",
        ) from error


def _way_back(home: Path) -> str | None:
    """Where `previous` leads. An interruption between the two links leaves both at one slot: then
    the newest other slot that has been current, which is one that the floor has reached.
    """
    now, back, floor = leads_to(home / "current"), leads_to(home / "previous"), _floor(home)
    if back is None or back != now or floor is None:
        return back
    found = []
    for slot in (home / "slots").iterdir():
        bundle = _whole(slot / f"{home.name}.bundle")
        if bundle is not None and f"slots/{slot.name}" != now:
            found.append((_order(bundle.manifest.version), f"slots/{slot.name}"))
    reached = [place for version, place in sorted(found) if version <= _order(floor.version)]
    return reached[-1] if reached else None


def _current(home: Path) -> Bundle | None:
    """The current bundle, None when there is none or it is damaged (so that it can be replaced)."""
    return _whole(home / "current" / f"{home.name}.bundle")


def _whole(file: Path) -> Bundle | None:
    try:
        return read_bundle(file) if file.is_file() else None
    except BundleError:
        LOG.warning("the bundle is damaged: %s", file)
        return None


def _current_version(home: Path) -> str:
    current = _current(home)
    return "" if current is None else current.manifest.version


def _clear(home: Path) -> None:
    """Remove what is neither current nor the way back, and what an interrupted install left."""
    kept = {leads_to(home / "current"), _way_back(home)}
    for slot in (home / "slots").iterdir():
        if f"slots/{slot.name}" not in kept:
            shutil.rmtree(slot, onerror=_warn)
    for name in ("current", "previous", "floor.json"):
        for left in home.glob(f".{name}.*"):
            left.unlink(missing_ok=True)


def _warn(_: object, path: str, fault: tuple[object, BaseException, object]) -> None:
    """The switch is done; a slot that cannot be removed only costs space."""
    LOG.warning("an old slot cannot be removed: %s: %s", path, fault[1])


def _home(name: str, root: Path) -> Path:
    home = root / "bundles" / name
    if not home.is_dir():
        names = ", ".join(installed_names(root)) or "none"
        raise StorageError(
            f"no bundle {name!r} is installed", where=str(root), cure=f"installed: {names}"
        )
    return home


def _status(home: Path, root: Path) -> SlotStatus:
    file = home / "current" / f"{home.name}.bundle"
    previous, floor, version, sha256, fault = "", "", "", "", ""
    try:
        reached = _floor(home)
        floor = reached.version if reached else ""
        back = _way_back(home)
        before = home / back / file.name if back else file
        previous = read_bundle(before).manifest.version if back and before.is_file() else ""
        bundle = read_bundle(file)
        version, sha256 = bundle.manifest.version, bundle.sha256
        verify_bundle(bundle, root / "trust")
    except (BundleError, StorageError) as error:
        fault = str(error)
    return SlotStatus(home.name, version, sha256, previous, floor, fault)


def _names(bundle: Bundle) -> tuple[str, str, str]:
    return bundle.manifest.spec.name, bundle.manifest.version, bundle.sha256


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
