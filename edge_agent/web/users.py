"""People of a station: names, roles and password hashes (argon2id, RFC 9106) in one file."""

from __future__ import annotations

import re
import threading
from enum import StrEnum
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}")
SHORTEST = 8
LONGEST = 256
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""The least that OWASP's password storage sheet names for argon2id: 19 MiB, 2 passes."""
NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$T1X1dDVPo83fwwKu0Ev2Yw"
    "$PV7fF/7HEMHJeeHpkbk9CN5u3vZT5uQCjr+jelx69xo"
)
"""Hash of random bytes that nobody has, to be checked for an unknown name. One that is made at
the start would take its 19 MiB where no person ever logs in."""


class Role(StrEnum):
    """What a person may do; each role may do what the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    QUALITY = "quality"
    ENGINEER = "engineer"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class User(Strict):
    """One person."""

    role: Role
    password_hash: str


class UserList(Strict):
    """The file of users."""

    users: dict[str, User] = Field(default_factory=dict)


class UserFile:
    """Reads the file again whenever it changes, so that a removed person is out at once.

    hasher: hashes new passwords; a hash itself says how it was made.
    """

    def __init__(self, path: Path) -> None:
        self.hasher = HASHER
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._known = UserList()
        self._lock = threading.Lock()
        # An argon2 check takes 19 MiB and tens of ms: one at a time.
        self._one_check = threading.Lock()

    def users(self) -> dict[str, User]:
        """Everybody; none where there is no file. Raises ConfigError for a damaged file."""
        with self._lock:
            try:
                found = self._path.stat()
            except FileNotFoundError:
                self._stamp, self._known = None, UserList()
                return {}
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._known, self._stamp = self._read(), stamp
            return self._known.users

    def role_of(self, name: str) -> Role | None:
        """The role of a person now; None where there is no such person."""
        user = self.users().get(name)
        return user.role if user else None

    def check(self, name: str, password: str) -> Role | None:
        """The role of who gives the right password; an unknown name takes the same time."""
        user = self.users().get(name)
        with self._one_check:
            try:
                self.hasher.verify(user.password_hash if user else NOBODY, password)
            except (VerificationError, InvalidHashError):
                return None
        return user.role if user else None

    def add(self, name: str, role: Role, password: str) -> bool:
        """Add or replace a person; gives whether the person was new. Raises ConfigError."""
        _refuse_bad(name, password)
        known = dict(self.users())
        is_new = name not in known
        known[name] = User(role=role, password_hash=self.hasher.hash(password))
        self._write(known)
        return is_new

    def remove(self, name: str) -> None:
        """Remove a person; raises ConfigError where there is none of that name."""
        known = dict(self.users())
        if known.pop(name, None) is None:
            raise ConfigError(
                f"there is no user {name!r}", where=str(self._path), cure="see `users list`"
            )
        self._write(known)

    def _read(self) -> UserList:
        try:
            return UserList.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigError(
                "the file of users cannot be read",
                where=str(self._path),
                cure="restore it, or remove it and add the users again",
            ) from error

    def _write(self, users: dict[str, User]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = UserList(users=users).model_dump_json(indent=1)
        write_atomic(self._path, text.encode() + b"\n")
        self._path.chmod(0o600)


def _refuse_bad(name: str, password: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no user name", cure="use letters, digits and _ . @ -")
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(
            f"the password has {len(password)} characters",
            cure=f"give {SHORTEST} to {LONGEST}",
        )
