"""Bundles on a station: content-addressed slots, one switch, a way back.

    ROOT/trust/root.json, trusted.json               whose bundles are taken, and from which version
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version as Order

from edge_agent.contracts.core.clock import Clock, SystemClock
from edge_agent.contracts.core.errors import (
    BundleError,
    LinesideError,
    RollbackError,
    SignatureError,
    StorageError,
)
from edge_agent.contracts.core.files import sha256_hex, storage_error
from edge_agent.contracts.model.bundle import Bundle, SealedBundle, read_bundle
from edge_agent.update.folder import Folder, make_folder, refuse_missing
from edge_agent.update.machine import refuse_quarantined
from edge_agent.update.signature import (
    armable,
    refuse_other_name,
    refuse_withdrawn,
    released,
    required,
)
from edge_agent.update.slot_links import CURRENT
from edge_agent.update.slot_store import SlotStore
from edge_agent.update.trust_folder import read_root, read_trusted, write_trusted
from edge_agent.update.trusted import Trusted

if TYPE_CHECKING:
    from edge_agent.update.metadata import Release

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
    trust: Path | None = None,
    clock: Clock | None = None,
    dry_run: bool = False,
) -> Switched:
    """Check the bundle file `source`, store it under `root` and make it current.

    trust: the root.json that a station without one shall trust from now on. With `dry_run`
    everything is checked and nothing written. Raises BundleError (SignatureError, RollbackError,
    ParityError) or StorageError; the current bundle is then what it was before.
    """
    now_ns = (clock or SystemClock()).utc_ns()
    trusted = _trusted_or_given(root, trust)
    found: list[Release] = []

    def check(sealed: SealedBundle) -> None:
        found.append(released(sealed, trusted, root / "trust", now_ns))

    # The signature comes first: nothing of a stranger's manifest is parsed.
    bundle = read_bundle(source, check)
    release = found[-1]
    name = bundle.manifest.spec.name
    refuse_other_name(bundle.manifest, release, bundle.source)
    try:
        replaced = refuse_older(bundle, root)
        self_test(bundle)
        if dry_run:
            return Switched(*_names(bundle), replaced, changed=False)
        make_folder(root)
        with Folder.open(root) as station:
            _warn_of_the_owner(station)
            return _put(bundle, source, station, trusted, release)
    except OSError as error:
        raise storage_error(root / "bundles" / name, error) from error


def rollback(name: str, root: Path, self_test: SelfTest) -> Switched:
    """Return to the previous bundle, on purpose: it may be older than the minimum version.

    The previous bundle is verified and tested like a new one before the switch; one that failed
    here is refused as an update would refuse it.
    """
    home = root / "bundles" / name
    refuse_missing(root)
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
            trusted = _trusted(root)
            armable(bundle, trusted, root / "trust")
            manifest_sha256 = sha256_hex(bundle.manifest_bytes)
            refuse_withdrawn(manifest_sha256, required(trusted, root / "trust"), str(home))
            _refuse_quarantined(station, manifest_sha256)
            self_test(bundle)
            replaced = store.current_version()
            store.switch_back(back)
    except OSError as error:
        raise storage_error(home, error) from error
    return Switched(*_names(bundle), replaced, changed=True)


def _refuse_quarantined(station: Folder, manifest_sha256: str) -> None:
    try:
        with station.subfolder("update") as update:
            refuse_quarantined(update, manifest_sha256)
    except FileNotFoundError:  # no update was ever begun
        return


def status(root: Path) -> list[SlotStatus]:
    """Every bundle name under `root`; a bundle that cannot be used has a `fault`."""
    refuse_missing(root)
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


def _put(
    bundle: Bundle, source: Path, station: Folder, before: Trusted | None, release: Release
) -> Switched:
    """Store the bundle and make it current, while no other install is at work.

    What is trusted is durable before the switch, so that nothing older is taken after it.
    """
    with (
        station.subfolder("bundles", create=True) as bundles,
        SlotStore(bundles, bundle.manifest.spec.name, create=True) as store,
        store.folder.locked(),
    ):
        # Again, now that nobody else can change it.
        _refuse_older_than_stored(bundle, store)
        slot = store.put(bundle, source.read_bytes)
        replaced = store.current_version()
        digest, name = sha256_hex(bundle.manifest_bytes), bundle.manifest.spec.name
        after = release.trusted.with_installed(digest, name, release.line)
        write_trusted(station, before, after)
        changed = store.switch(slot)
        store.clear()
    return Switched(name, bundle.manifest.version, slot, replaced, changed=changed)


def _bundle_names(bundles: Folder) -> list[str]:
    return [name for name in bundles.names() if (bundles.path / name).is_dir()]


def _trusted(root: Path, *, guarded: bool = True) -> Trusted | None:
    """What the station trusts, read through its handle; None for a station without a root."""
    try:
        with (
            Folder.open(root, guarded=guarded) as station,
            station.subfolder("trust") as trust,
        ):
            return read_trusted(trust)
    except FileNotFoundError:
        return None


def _trusted_or_given(root: Path, given: Path | None) -> Trusted | None:
    """What the station trusts, or for the first time `given`; raises SignatureError."""
    try:
        trusted = _trusted(root)
    except OSError as error:
        raise storage_error(root / "trust", error) from error
    if given is None:
        return trusted
    offered = read_root(given)
    if trusted is None:
        return offered
    if offered.origin[0] not in trusted.origin:
        raise SignatureError(
            "is another root than the one that this station trusts",
            where=str(given),
            cure=f"to give the station into other hands, remove {root / 'trust'} there first",
        )
    return trusted


def _warn_of_the_owner(station: Folder) -> None:
    if not station.is_safe():
        LOG.warning(
            "%s can be changed by another user than root, who could put other keys and bundles "
            "there: `chown root:root` it; the agent writes below %s/state alone",
            *(station.path, station.path),
        )


def refuse_older(bundle: Bundle, root: Path) -> str:
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
            cure="convert the run again with a higher --version-number; to go back on purpose: "
            f"lineside-deploy rollback HOST {bundle.manifest.spec.name}",
        )
    same = sha256_hex(bundle.manifest_bytes) == least.manifest_sha256
    if Order(offered) == least.order and not same:
        raise RollbackError(
            f"this station has another bundle of the same version {offered}",
            where=bundle.source,
            cure="convert the run again with a higher --version-number",
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
        armable(bundle, _trusted(root, guarded=False), root / "trust")
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
