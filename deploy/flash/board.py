"""board.toml: who a board is and who may log in, read once and checked before a card is written."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import Field, field_validator, model_validator

from deploy.flash.network import MOST_SSID_BYTES
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.secret_file import read_secret
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.toml import read_toml

KEY = re.compile(r"(ssh|ecdsa|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\n]*)?")


class User(Strict):
    """Who logs in, by SSH key alone: the account has no password."""

    name: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$", description="the account's name")
    authorized_keys: tuple[Path, ...] = Field(min_length=1, description="files of public SSH keys")

    @field_validator("name")
    @classmethod
    def _not_root(cls, name: str) -> str:
        if name in ("root", "lineside"):
            raise ValueError(f"{name} exists already; take a person's or a team's name")
        return name


class Wifi(Strict):
    """The wireless network; without this table the board uses its cable."""

    ssid: str = Field(description="the network's name")
    password_file: Path = Field(description="a file with the WPA2 password, 8 to 63 characters")
    country: str = Field(pattern=r"^[A-Z]{2}$", description="where the board stands, as DE")

    @field_validator("ssid")
    @classmethod
    def _fits(cls, ssid: str) -> str:
        if not 1 <= len(ssid.encode("utf-8", "surrogateescape")) <= MOST_SSID_BYTES:
            raise ValueError(f"an SSID has 1 to {MOST_SSID_BYTES} bytes")
        return ssid


class Board(Strict):
    """One board. Paths are relative to the file's folder."""

    hostname: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", description="the board's name"
    )
    timezone: str = Field(
        "Etc/UTC", pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$", description="as Europe/Berlin"
    )
    user: User = Field(description="who logs in")
    wifi: Wifi | None = Field(None, description="the wireless network")
    follow: str | None = Field(
        None, description="releases for rollouts over MQTT, as https://releases.plant/"
    )
    follow_ca: str | None = Field(
        None, description="file there that signs that server's certificate; bring it by [files]"
    )
    files: dict[str, Path] = Field(
        default_factory=dict, description="further files below /var/lib/lineside: certificates"
    )

    @model_validator(mode="after")
    def _ca_is_brought(self) -> Self:
        if self.follow_ca is not None and (not self.follow or self.follow_ca not in self.files):
            raise ValueError(f"follow_ca: {self.follow_ca!r} needs `follow`, and a line in [files]")
        return self

    @field_validator("files")
    @classmethod
    def _inside(cls, files: dict[str, Path]) -> dict[str, Path]:
        for name in files:
            path = PurePosixPath(name)
            outside = not path.is_relative_to("/var/lib/lineside") or ".." in path.parts
            if outside or not re.fullmatch(r"/[\w./-]+", name):
                raise ValueError(f"{name!r} is not below /var/lib/lineside")
        return files


def read_board(path: Path) -> Board:
    """Read board.toml; raises ConfigError that names the key."""
    return read_toml(path, Board)


def authorized_keys(board: Board, folder: Path) -> bytes:
    """The public keys of the user's files, a line each; raises ConfigError for anything else."""
    files = (folder / name for name in board.user.authorized_keys)
    return "".join(f"{key}\n" for path in files for key in public_keys(path)).encode()


def public_keys(path: Path) -> list[str]:
    """The public SSH keys of a file; raises ConfigError for anything else."""
    text = read_file(path).decode(errors="replace")
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found or not all(KEY.fullmatch(line) for line in found):
        cure = "name the .pub file of `ssh-keygen -t ed25519`"
        raise ConfigError("not public SSH keys", where=str(path), cure=cure)
    return found


def wifi_password(wifi: Wifi, folder: Path) -> str:
    """The password in its file, without the line's end; raises ConfigError."""
    path = folder / wifi.password_file
    text = read_secret(path, "the password").decode("latin-1").rstrip("\r\n")
    is_key = re.fullmatch(r"[0-9A-Fa-f]{64}", text)
    if not is_key and not re.fullmatch(r"[ -~]{8,63}", text):
        cure = "8 to 63 printable ASCII characters, or the key as 64 hex digits"
        raise ConfigError("no WPA2 password", where=str(path), cure=cure)
    return text


def read_file(path: Path) -> bytes:
    """The bytes of a file that board.toml or the command line names; raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        cure = "check the path and the rights on it"
        raise ConfigError(error.strerror or str(error), where=str(path), cure=cure) from error
