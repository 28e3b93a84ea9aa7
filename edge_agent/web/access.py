"""Who may do what: sessions, roles, and what a browser must send with every change."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.loopback import is_loopback
from edge_agent.web.config import WebTable
from edge_agent.web.sessions import Session, Sessions, same
from edge_agent.web.users import Role, UserFile

COOKIE = "lineside_session"


class RefusedError(LinesideError):
    """A request that is not obeyed; status: of HTTP; wait_s: until a next try, 0 where unknown."""

    def __init__(self, status: int, what: str, *, cure: str = "", wait_s: int = 0) -> None:
        super().__init__(what, cure=cure)
        self.status = status
        self.wait_s = wait_s


@dataclass(frozen=True)
class Caller:
    """Who asks. session: None for a reader on this machine where no users are configured."""

    name: str
    role: Role
    session: Session | None = None


class Access:
    """Knows the caller of a request, and refuses what the caller may not do."""

    def __init__(self, table: WebTable, users: UserFile, sessions: Sessions) -> None:
        self._table = table
        self._users = users
        self._sessions = sessions

    @property
    def has_users(self) -> bool:
        """Whether anybody can log in."""
        return bool(self._users.users())

    def caller(self, request: Request, *, touch: bool = True) -> Caller | None:
        """Who asks; None for a stranger. Raises RefusedError where nobody from there may ask."""
        if not self.has_users:
            if _is_this_machine(request):
                return Caller("", Role.VIEWER)
            raise RefusedError(
                403, "no users are configured", cure="run `lineside-agent users add` on the station"
            )
        session = self._sessions.find(request.cookies.get(COOKIE, ""), touch=touch)
        role = self._users.role_of(session.name) if session else None
        return Caller(session.name, role, session) if session and role else None

    def admit(self, request: Request, needed: Role, *, touch: bool = True) -> Caller:
        """The caller who has the role; raises RefusedError."""
        caller = self.caller(request, touch=touch)
        if caller is None:
            raise RefusedError(401, "nobody is logged in", cure="log in")
        if not caller.role.includes(needed):
            cure = f"ask a person with the role {needed}"
            if caller.session is None:
                cure = "run `lineside-agent users add` on the station, then log in"
            raise RefusedError(403, f"this needs the role {needed}", cure=cure)
        return caller

    def refuse_forged(self, request: Request, caller: Caller | None) -> None:
        """Raises RefusedError for a change that another site's page may have sent."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
            raise RefusedError(403, "the request comes from another site")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise RefusedError(403, "the request comes from another site")
        token = request.headers.get("x-csrf-token", "")
        if caller is not None and caller.session and not same(token, caller.session.csrf):
            raise RefusedError(
                403, "the token of the page is missing or old", cure="load the page again"
            )


def _is_this_machine(request: Request) -> bool:
    """From this machine, and asked by its name: a stranger's name may point here as well."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return request.client is not None and is_loopback(request.client.host) and is_loopback(host)
