"""A station as it was before its first part: what it has learned and stored is removed.

| what | removed |
|---|---|
| bundles, their updates, evidence, outbox, golden checks, channels' memory, thresholds | always |
| station.toml, certificates, keys, passwords, trusted root, users, audit, epoch | on request |
| the agent, its environments, and everything that Lineside did not write | never |

The audit log records it first. What keeps event ids unique and old orders out goes with the
identity only.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.audit.recorder import AuditRecorder
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.files import fsync_dir, storage_error
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from edge_agent.settings.toml import identity_paths
from edge_agent.station.config import StationConfig
from edge_agent.update.folder import Folder

VERDICT = "verdict"
REBUILT = "outbox.rebuilt.db"
"""The whole outbox where a rebuild was cut short at its end."""

OF_THE_ROOT = ("bundles", "update")
OF_THE_STATE = (
    *("outbox.db", "outbox.db-wal", "outbox.db-shm", "ballast"),
    *("outbox.rebuilding.db*", f"{REBUILT}*", "damaged-*"),
    *("evidence", "golden", "channels", "shadow", "webhook"),
    *("state.json", "running.json", "sparkplug.json", "thresholds.json", "runtimes.json"),
)
"""Names, or patterns of names, in the state folder."""

OF_THE_IDENTITY, OF_THE_IDENTITY_IN_ROOT = ("audit", "epoch"), ("trust", "keys", "rollout")
OF_THE_SYSTEM = ("/etc/ssl", "/etc/pki", "/usr")
"""Authorities that a station may name and that all programs of the board use."""


@dataclass(frozen=True)
class Wish:
    """What a person asks for. name: the station's id, typed again; who: for the audit log."""

    name: str
    who: str = "a person at the station"
    identity: bool = False
    discard_verdicts: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Reset:
    """What was removed, or would be. verdicts: that waited, None for a dry run beside the agent;
    audit_head: of the record of it."""

    removed: list[str]
    verdicts: int | None
    audit_head: str


def factory_reset(
    config: StationConfig, path: Path, root: Path, wish: Wish, *, clock: Clock
) -> Reset:
    """Reset the station of the configuration file `path` and the folder `root`.

    Raises ConfigError for another name, StorageError while an agent runs or an update is at
    work, or while verdicts wait that nobody has received. What was begun and cut short is
    finished by another call.
    """
    if wish.name != config.station.id:
        raise ConfigError(
            f"this station is {config.station.id}, not {wish.name!r}",
            where=str(path),
            cure="give the station's own id: nothing was removed",
        )
    state_dir = config.station.state_dir
    store = OutboxStore(state_dir, config.outbox.quota_mb)
    if state_dir.is_dir() and not wish.dry_run:
        store.claim()
    try:
        verdicts = _waiting(store, wish)
        if verdicts and not wish.discard_verdicts and not wish.dry_run:
            raise StorageError(
                f"{verdicts} verdicts wait that nobody has received",
                where=str(state_dir),
                cure="let the station send them, or add --discard-verdicts",
            )
        if wish.dry_run:
            found = _found(config, path, root, wish.identity)
            return Reset([str(one) for one in found], verdicts, "")
        with _updates_held(root):
            head = _recorded(config, wish, verdicts, clock)
            found = _found(config, path, root, wish.identity)
            _remove_all(found)
        return Reset([str(one) for one in found], verdicts, head)
    finally:
        store.close()


def _waiting(store: OutboxStore, wish: Wish) -> int | None:
    """How many verdicts wait; at least one in an outbox that cannot be read."""
    if not store.path.exists():
        if not store.path.with_name(REBUILT).exists():
            return 0
        if wish.dry_run:
            return None  # Opening it would end the rebuild.
    try:
        store.open()
        return store.waiting(VERDICT)
    except StoreDamagedError:
        return 1
    except StorageError:
        if wish.dry_run:
            return None
        raise


@contextmanager
def _updates_held(root: Path) -> Iterator[None]:
    """No update, install or rollback begins; raises StorageError where one is at work."""
    folders = [root / "update", *sorted((root / "bundles").glob("*"))]
    with ExitStack() as held:
        for path in folders:
            if path.is_dir() and not path.is_symlink():
                try:
                    folder = held.enter_context(Folder.open(path, guarded=False))
                    held.enter_context(folder.locked())
                except OSError as error:
                    raise storage_error(path, error) from error
        yield


def _found(config: StationConfig, path: Path, root: Path, identity: bool) -> list[Path]:
    return [one for one in dict.fromkeys(_parts(config, path, root, identity)) if _is_there(one)]


def _parts(config: StationConfig, path: Path, root: Path, identity: bool) -> Iterator[Path]:
    """What goes, in this order: station.toml last, by which another call would finish."""
    yield from (root / name for name in OF_THE_ROOT)
    for pattern in OF_THE_STATE:
        yield from sorted(config.station.state_dir.glob(pattern))
    yield config.station.commissioning
    if not identity:
        return
    yield from (config.station.state_dir / name for name in OF_THE_IDENTITY)
    yield from (root / name for name in OF_THE_IDENTITY_IN_ROOT)
    for file in identity_paths(config):
        if not any(file.is_relative_to(folder) for folder in OF_THE_SYSTEM):
            yield file
    yield path


def _recorded(config: StationConfig, wish: Wish, verdicts: int | None, clock: Clock) -> str:
    """The head of the audit log with this reset; empty for a station without a log."""
    if not config.audit.enabled:
        return ""
    folder = config.station.state_dir / "audit"
    recorder = AuditRecorder(folder, config.audit, clock=clock)
    try:
        before: dict[str, object] = {"verdicts": verdicts}
        if not recorder.change(wish.who, "factory reset", before, {"identity": wish.identity}):
            raise StorageError(
                "the reset cannot be recorded", where=str(folder), cure="free some space"
            )
        return recorder.head
    finally:
        recorder.close()


def _remove_all(found: list[Path]) -> None:
    for one in found:
        try:
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink(missing_ok=True)
            fsync_dir(one.parent)
        except OSError as error:
            raise storage_error(one, error) from error


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()
