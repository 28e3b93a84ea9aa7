"""Who asks: sessions begin and end."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from edge_agent.web.access import COOKIE, Caller, RefusedError
from edge_agent.web.api_models import Done, Login, Who
from edge_agent.web.operation import Operation, json_response
from edge_agent.web.rooms import Rooms
from edge_agent.web.users import Role


class SessionApi:
    """The operations of log-in and log-out."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def operations(self) -> list[Operation]:
        """A row for each."""
        viewer = Role.VIEWER
        return [
            Operation("whoAmI", "GET", "/api/me", viewer, "Who asks", self.me, Who),
            Operation("logIn", "POST", "/api/login", None, "Begin a session", self.login,
                      Done, Login),
            Operation("logOut", "POST", "/api/logout", viewer, "End the session", self.logout,
                      Done),
        ]  # fmt: skip

    def me(self, request: Request, caller: Caller, taken: None) -> Who:
        """Who asks, and the token for changes."""
        csrf = caller.session.csrf if caller.session else ""
        has_users = self._rooms.access.has_users
        return Who(name=caller.name, role=caller.role, csrf=csrf, users_configured=has_users)

    def login(self, request: Request, caller: None, taken: Login) -> Response:
        """A new session under a new id; raises RefusedError."""
        rooms = self._rooms
        address = request.client.host if request.client else ""
        wait_s = rooms.lock_out.wait_s(taken.name, address)
        if wait_s:
            raise RefusedError(
                429, "too many wrong passwords", cure=f"wait {wait_s} s", wait_s=wait_s
            )
        # Counted before the check: many tries at the same time are as many.
        rooms.lock_out.fail(taken.name, address)
        if rooms.users.check(taken.name, taken.password) is None:
            raise RefusedError(401, "name or password is wrong", cure="try again")
        rooms.lock_out.succeed(taken.name, address)
        new_id, _ = rooms.sessions.begin(taken.name, request.cookies.get(COOKIE, ""))
        response = json_response(Done())
        response.set_cookie(
            COOKIE,
            new_id,
            httponly=True,
            samesite="strict",
            secure=rooms.table.tls_cert is not None,
            path="/",
        )
        return response

    def logout(self, request: Request, caller: Caller, taken: None) -> Response:
        """End the session."""
        self._rooms.sessions.end(request.cookies.get(COOKIE, ""))
        response = json_response(Done())
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response
