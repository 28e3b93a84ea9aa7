"""What station.toml asks of the board: folders, device nodes, libraries, ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from edge_agent.health.board.board import Folder, Needs
from edge_agent.infer.runtime_choice import RUNTIMES
from edge_agent.messaging.ballast import BALLAST_BYTES
from edge_agent.settings.toml import Table
from edge_agent.station.config import StationConfig


def needs_of(config: StationConfig | None) -> Needs:
    """What the station needs; without a station.toml only what every station does."""
    runtimes = runtime_distributions()
    native = tuple(path for name in runtimes for path in _native_files(name))
    if config is None:
        return Needs(runtimes=runtimes, native=native)
    tables = list(_tables(config))
    return Needs(
        folders=tuple(_folders(config)),
        device_nodes=tuple(dict.fromkeys(node for t in tables for node in t.device_nodes)),
        libraries=tuple(dict.fromkeys(library for t in tables for library in t.libraries)),
        ports=tuple(dict.fromkeys(port for t in tables for port in t.listens_on)),
        runtimes=runtimes,
        native=native,
        station_folder=config.trust.root,
    )


def state_folder(config: StationConfig) -> Folder:
    """The folder of the outbox, with room for it and for its reserve against a full disk."""
    needed_mb = config.outbox.quota_mb + 2 * BALLAST_BYTES / (1 << 20)
    return Folder("state folder", config.station.state_dir, needed_mb, "lower outbox.quota_mb")


def runtime_distributions() -> tuple[str, ...]:
    """Any of these runs a network."""
    names = (name for row in RUNTIMES.rows().values() for name in row.packages)
    return tuple(dict.fromkeys(names))


def _folders(config: StationConfig) -> Iterator[Folder]:
    yield state_folder(config)
    path = config.station.state_dir / "evidence"
    if config.evidence.enabled and path.is_dir():  # the agent makes it, on the state's file system
        cure = "lower evidence.keep_free_mb: nothing is kept meanwhile"
        yield Folder("evidence folder", path, config.evidence.keep_free_mb, cure)


def _tables(value: object) -> Iterator[Table]:
    """The table and all that lie in it."""
    if isinstance(value, Table):
        yield value
        inner = list(value.__dict__.values())
    elif isinstance(value, Mapping):
        inner = list(value.values())
    else:
        inner = list(value) if isinstance(value, list | tuple) else []
    for one in inner:
        yield from _tables(one)


def _native_files(name: str) -> Iterator[Path]:
    """The shared libraries of an installed distribution."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return
    for file in files:
        path = Path(str(file.locate()))
        if ".so" in path.suffixes and path.is_file():
            yield path
