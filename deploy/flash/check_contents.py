"""What a card must bring so that its board becomes a station: checked before it is written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from deploy.flash.boot_files import Contents
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.toml import read_toml_document

STATION_FOLDER = PurePosixPath("/var/lib/lineside")


def check_contents(contents: Contents) -> None:
    """Raises ConfigError for a file that station.toml names and board.toml does not bring, and
    SignatureError for a bundle that is not released under the root of trust."""
    _refuse_missing_files(contents)
    if contents.trust is not None:
        _refuse_strangers(contents, contents.trust)


def _refuse_missing_files(contents: Contents) -> None:
    """The broker's authority and the password: nothing makes them on the board."""
    mqtt = _table(read_toml_document(contents.station), "mqtt")
    named = {
        "mqtt.password_file": mqtt.get("password_file"),
        "mqtt.tls.ca_file": _table(mqtt, "tls").get("ca_file"),
    }
    brought = {PurePosixPath(name) for name in contents.board.files}
    for key, path in named.items():
        if isinstance(path, str) and STATION_FOLDER / path not in brought:
            raise ConfigError(
                f"{key} names {path}, which the card does not bring",
                where=str(contents.station),
                cure=f'add "{STATION_FOLDER / path}" = FILE to [files] of board.toml',
            )


def _refuse_strangers(contents: Contents, trust: Path) -> None:
    """Bundles bring OpenCV, 50 MB, which a card without one need not pay."""
    from deploy.flash.boot_files import bundle_payload
    from deploy.push.trust import refuse_other_root

    for path in contents.bundles:
        refuse_other_root(trust, bundle_payload(path, contents.releases), str(path))


def _table(document: dict[str, object], name: str) -> dict[str, object]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}
