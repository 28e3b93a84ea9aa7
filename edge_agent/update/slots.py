"""Bundles on a station: content-addressed slots, one switch, a way back.

    ROOT/trust/<key_id>.pub                          whose bundles are taken
    ROOT/bundles/NAME/slots/<sha256>/NAME.bundle     whole, never changed once it is there
    ROOT/bundles/NAME/current -> slots/<sha256>      what the agent arms
    ROOT/bundles/NAME/previous -> slots/<sha256>     what a rollback returns to
    ROOT/bundles/NAME/min_version.json               the highest version that was current

A bundle is written beside the slots, made durable, renamed into place; then the links are
switched one by one. A power cut at any moment leaves `current` at a whole bundle, the old or the
new one, and a way back. The minimum version outlives a rollback, so that only a person, never a
replayed old bundle, can take a station back.

Root installs into a folder that the agent's user may own. So everything below ROOT is reached
through handles that follow no link, and root works in no folder that another user can change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from packaging.version import Version as Order

from edge_agent.contracts.core.errors import (
    BundleError,
    LinesideError,
    RollbackError,
    StorageError,
)
from edge_agent.contracts.core.files import sha256_hex, storage_error
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.contracts.model.signature import key_id
from edge_agent.update.folder import Folder, make_folder
from edge_agent.update.signature import (
    check_signature,
    is_key_file,
    parse_public_key,
    raw_bytes,
    read_public_key,
)
from edge_agent.update.slot_store import CURRENT, SlotStore

LOG = logging.getLogger("lineside.update")

SelfTest = Callable[[Bundle], None]
"""Runs a bundle's parity vectors on this machine; raises BundleError or ParityError."""


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
    min_version: str
    fault: str


def install(
    source: Path,
    root: Path,
    self_test: SelfTest,
    *,
    trust: Sequence[Path] = (),
    dry_run: bool = False,
) -> Switched:
    """Check the bundle file `source`, store it under `root` and make it current.

    `trust` are public keys that the station shall trust from now on. With `dry_run` everything
    is checked and nothing written. Raises BundleError (SignatureError, RollbackError,
    ParityError) or StorageError; the current bundle is then what it was before.
    """
    new_keys = {path: read_public_key(path) for path in trust}
    try:
        keys = _trusted(root) | _by_id(new_keys)
    except OSError as error:
        raise storage_error(root / "trust", error) from error
    # The signature comes first: nothing of a stranger's manifest is parsed.
    bundle = read_bundle(source, lambda sealed: check_signature(sealed, keys, root / "trust"))
    name = bundle.manifest.spec.name
    try:
        replaced = _refuse_older(bundle, root)
        self_test(bundle)
        if dry_run:
            return Switched(*_names(bundle), replaced, changed=False)
        make_folder(root)
        with Folder.open(root) as station:
            _warn_of_the_owner(station)
            _trust_keys(station, new_keys)
            return _put(bundle, source, station)
    except OSError as error:
        raise storage_error(root / "bundles" / name, error) from error


def rollback(name: str, root: Path, self_test: SelfTest) -> Switched:
    """Return to the previous bundle, on purpose: it may be older than the minimum version.

    The previous bundle is verified and tested like a new one before the switch.
    """
    home = root / "bundles" / name
    try:
        with (
            Folder.open(root) as station,
            station.subfolder("bundles") as bundles,
            _named(bundles, name, root) as store,
            store.folder.locked(),
        ):
            back = store.way_back()
            bundle = store.bundle(back)
            if back is None or bundle is None:
                raise RollbackError(
                    "there is no previous bundle",
                    where=str(home),
                    cure="push the bundle that you want",
                )
            check_signature(bundle, _trusted(root), root / "trust")
            self_test(bundle)
            replaced = store.current_version()
            store.switch_back(back)
    except OSError as error:
        raise storage_error(home, error) from error
    return Switched(*_names(bundle), replaced, changed=True)


def status(root: Path) -> list[SlotStatus]:
    """Every bundle name under `root`; a bundle that cannot be used has a `fault`."""
    if not root.is_dir():
        raise StorageError(
            "no such station folder", where=str(root), cure="check the path, or push a bundle there"
        )
    try:
        with (
            Folder.open(root, guarded=False) as station,
            station.subfolder("bundles") as bundles,
        ):
            return [_status(name, bundles, root) for name in _bundle_names(bundles)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(root / "bundles", error) from error


def installed_names(root: Path) -> list[str]:
    """The names of the bundles under `root`."""
    return [slot.name for slot in status(root)]


def _put(bundle: Bundle, source: Path, station: Folder) -> Switched:
    """Store the bundle and make it current, while no other install is at work."""
    with (
        station.subfolder("bundles", create=True) as bundles,
        SlotStore(bundles, bundle.manifest.spec.name, create=True) as store,
        store.folder.locked(),
    ):
        # Again, now that nobody else can change it.
        _refuse_older_than_stored(bundle, store)
        store.store(bundle, source.read_bytes())
        replaced = store.current_version()
        changed = store.switch(bundle.sha256)
        store.clear()
    return Switched(*_names(bundle), replaced, changed=changed)


def _bundle_names(bundles: Folder) -> list[str]:
    return [name for name in bundles.names() if (bundles.path / name).is_dir()]


def _trusted(root: Path, *, guarded: bool = True) -> dict[str, Ed25519PublicKey]:
    """Key id -> key of the station's folder `trust`, read through its handle."""
    try:
        with (
            Folder.open(root, guarded=guarded) as station,
            station.subfolder("trust") as trust,
        ):
            files = {name: trust.read(name) for name in trust.names() if is_key_file(name)}
    except FileNotFoundError:
        return {}
    keys = (parse_public_key(text, root / "trust" / name) for name, text in files.items() if text)
    return {key_id(raw_bytes(key)): key for key in keys}


def _by_id(keys: dict[Path, Ed25519PublicKey]) -> dict[str, Ed25519PublicKey]:
    return {key_id(raw_bytes(key)): key for key in keys.values()}


def _trust_keys(station: Folder, keys: dict[Path, Ed25519PublicKey]) -> None:
    if not keys:
        return
    with station.subfolder("trust", create=True) as trust:
        for path, key in keys.items():
            name, payload = f"{key_id(raw_bytes(key))}.pub", path.read_bytes()
            if trust.read(name) != payload:
                trust.write(name, payload)


def _warn_of_the_owner(station: Folder) -> None:
    if not station.is_safe():
        LOG.warning(
            "%s can be changed by another user than root, who could put other keys and bundles "
            "there: `chown root:root` it; the agent writes below %s/state alone",
            *(station.path, station.path),
        )


def _refuse_older(bundle: Bundle, root: Path) -> str:
    """Refuse a bundle below the minimum version; returns the version that is current, or empty."""
    try:
        with (
            Folder.open(root) as station,
            station.subfolder("bundles") as bundles,
            SlotStore(bundles, bundle.manifest.spec.name) as store,
        ):
            _refuse_older_than_stored(bundle, store)
            return store.current_version()
    except FileNotFoundError:
        return ""


def _refuse_older_than_stored(bundle: Bundle, store: SlotStore) -> None:
    least = store.min_version()
    if least is None:
        return
    offered = bundle.manifest.version
    if Order(offered) < least.order:
        raise RollbackError(
            f"version {offered} is older than {least.version}, which this station has run",
            where=bundle.source,
            cure="convert the run again with a higher --version; to go back on purpose: "
            f"lineside-deploy rollback HOST {bundle.manifest.spec.name}",
        )
    same = sha256_hex(bundle.manifest_bytes) == least.manifest_sha256
    if Order(offered) == least.order and not same:
        raise RollbackError(
            f"this station has another bundle of the same version {offered}",
            where=bundle.source,
            cure="convert the run again with a higher --version",
        )


def _named(bundles: Folder, name: str, root: Path) -> SlotStore:
    if name in _bundle_names(bundles):
        return SlotStore(bundles, name)
    names = ", ".join(installed_names(root)) or "none"
    raise StorageError(
        f"no bundle {name!r} is installed", where=str(root), cure=f"installed: {names}"
    )


def _status(name: str, bundles: Folder, root: Path) -> SlotStatus:
    found = {"version": "", "sha256": "", "previous": "", "min_version": "", "fault": ""}
    try:
        with SlotStore(bundles, name) as store:
            _describe(store, found)
            bundle = _current(store)
            found |= {"version": bundle.manifest.version, "sha256": bundle.sha256}
        check_signature(bundle, _trusted(root, guarded=False), root / "trust")
    except LinesideError as error:
        found["fault"] = str(error)
    except OSError as error:
        found["fault"] = str(storage_error(root / "bundles" / name, error))
    return SlotStatus(name, **found)


def _describe(store: SlotStore, found: dict[str, str]) -> None:
    least = store.min_version()
    found["min_version"] = least.version if least else ""
    previous = store.bundle(store.way_back())
    found["previous"] = previous.manifest.version if previous else ""


def _current(store: SlotStore) -> Bundle:
    bundle = store.bundle(store.linked(CURRENT))
    if bundle is None:
        raise BundleError(
            "there is no current bundle", where=str(store.folder.path), cure="push one"
        )
    return bundle


def _names(bundle: Bundle) -> tuple[str, str, str]:
    return bundle.manifest.spec.name, bundle.manifest.version, bundle.sha256
