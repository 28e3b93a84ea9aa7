"""A station as it was before its first part: what it has learned and stored is removed.

| what | removed |
|---|---|
| bundles, their updates, evidence, outbox, golden checks, channels' memory, thresholds | always |
| station.toml, certificates, keys, trusted root, users, audit log, epoch | with the identity |
| the agent, its environments, and everything that Lineside did not write | never |

The audit log records it first. What keeps event ids unique and old orders out goes with the
identity only.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.audit.recorder import AuditRecorder
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.files import fsync_dir, storage_error
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.sqlite_faults import StoreDamagedError
from edge_agent.station.config import StationConfig

VERDICT = "verdict"
OF_THE_ROOT = ("bundles", "update")
OF_THE_STATE = (
    *("outbox.db", "outbox.db-wal", "outbox.db-shm", "ballast"),
    *("evidence", "golden", "channels", "shadow", "webhook"),
    *("state.json", "sparkplug.json", "thresholds.json"),
)
OF_THE_IDENTITY, OF_THE_IDENTITY_IN_ROOT = ("audit", "epoch"), ("trust", "keys", "rollout")


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

    Raises ConfigError for another name, StorageError while an agent runs, or while verdicts wait
    that nobody has received. What was begun and cut short is finished by another call.
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
        head = "" if wish.dry_run else _recorded(config, wish, verdicts, clock)
        found = [one for one in _parts(config, path, root, wish.identity) if _is_there(one)]
        if not wish.dry_run:
            _remove_all(found)
        return Reset([str(one) for one in found], verdicts, head)
    finally:
        store.close()


def _waiting(store: OutboxStore, wish: Wish) -> int | None:
    """How many verdicts wait; at least one in an outbox that cannot be read."""
    if not store.path.exists():
        return 0
    try:
        store.open()
        return store.waiting(VERDICT)
    except StoreDamagedError:
        return 1
    except StorageError:
        if wish.dry_run:
            return None
        raise


def _parts(config: StationConfig, path: Path, root: Path, identity: bool) -> Iterator[Path]:
    """What goes, in this order: station.toml last, by which another call would finish."""
    yield from (root / name for name in OF_THE_ROOT)
    yield from (config.station.state_dir / name for name in OF_THE_STATE)
    yield config.station.commissioning
    if not identity:
        return
    yield from (config.station.state_dir / name for name in OF_THE_IDENTITY)
    yield from (root / name for name in OF_THE_IDENTITY_IN_ROOT)
    mqtt = config.mqtt
    if mqtt is not None:
        tls = mqtt.tls
        secrets = (tls.ca_file, tls.cert_file, tls.key_file) if tls is not None else ()
        yield from (file for file in (*secrets, mqtt.password_file) if file is not None)
    yield config.web.users_file
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
