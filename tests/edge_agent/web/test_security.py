"""The page under attack: every route of its table, and its socket."""

from __future__ import annotations

import array
import contextlib
import fcntl
import gc
import http.client
import re
import socket
import termios
import time
from collections.abc import Iterator

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.web.access import COOKIE
from edge_agent.web.app import LARGEST_BODY
from edge_agent.web.connections import GuardedConnection
from edge_agent.web.server import PageServer
from edge_agent.web.users import Role
from tests.descriptors import open_sockets
from tests.page_kit import PASSWORD, PageKit
from tests.station_kit import wait_until

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
OPEN = {"/login", "/api/login", "/api/openapi.json", "/api/operations.json", "/words/top.json"}
"""What a stranger may ask for, besides /static."""
WRONG_LOGINS = 5


def rows(kit: PageKit) -> Iterator[tuple[str, str]]:
    """(method, path) of every route of the page's own table, parameters filled in."""
    for route in kit.routes():
        for method in sorted(route.methods or ()):
            yield method, re.sub(r"{\w+(:\w+)?}", "top", route.path)


def changing(kit: PageKit) -> Iterator[tuple[str, str]]:
    return ((m, path) for m, path in rows(kit) if m not in ("GET", "HEAD") and path not in OPEN)


def test_the_table_of_routes_is_whole(kit: PageKit) -> None:
    found = set(rows(kit))
    assert ("POST", "/api/passing") in found
    assert ("GET", "/system") in found
    assert len(found) > 15


def test_a_stranger_gets_nothing_of_any_route_by_any_method(kit: PageKit) -> None:
    kit.add_user("anna", Role.ENGINEER)
    kit.part("p1")
    browser = kit.browser()
    for path in {path for _, path in rows(kit)} - OPEN:
        for method in METHODS:
            answer = browser.request(method, path, json={} if method != "GET" else None)
            assert answer.status_code in (303, 401, 405), (method, path, answer.status_code)
    assert kit.records == []
    assert not kit.hold.by


def test_a_stranger_s_answers_tell_nothing_of_the_station(kit: PageKit) -> None:
    kit.add_user("anna", Role.ENGINEER)
    kit.part("secret-part", "FAIL", "crack")
    browser = kit.browser()
    told = "".join(browser.request(m, path).text for m, path in rows(kit))
    for word in ("press-7", "secret-part", "crack", "anna", str(kit.folder)):
        assert word not in told


def test_no_change_without_the_page_s_token(kit: PageKit) -> None:
    browser = kit.logged_in(Role.ENGINEER)
    del browser.headers["X-CSRF-Token"]
    for method, path in changing(kit):
        answer = browser.request(method, path, json={})
        assert answer.status_code == 403, (method, path, answer.text)
    assert kit.records == []
    assert browser.get("/api/me").status_code == 200, "a forged log-out ended the session"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999"])
def test_no_change_from_another_origin(kit: PageKit, origin: str) -> None:
    browser = kit.logged_in(Role.ENGINEER)
    for method, path in changing(kit):
        answer = browser.request(method, path, json={}, headers={"Origin": origin})
        assert answer.status_code == 403, (method, path)


def test_no_get_changes_anything(kit: PageKit) -> None:
    kit.part("p1")
    browser = kit.logged_in(Role.ENGINEER)
    kit.page.rooms.live.stopping.set()  # a stream ends at once
    before = sorted(path.name for path in kit.folder.rglob("*"))
    for method, path in rows(kit):
        if method == "GET":
            assert browser.get(path).status_code < 500, path
    assert kit.records == []
    assert sorted(path.name for path in kit.folder.rglob("*")) == before


def test_a_viewer_changes_nothing(kit: PageKit) -> None:
    browser = kit.logged_in(Role.VIEWER)
    for method, path in changing(kit):
        if path != "/api/logout":
            assert browser.request(method, path, json={}).status_code == 403, path


@pytest.mark.parametrize("planted", ["", "chosen-by-the-attacker", "a" * 4096, "\u00e9"])
def test_an_id_that_the_browser_brought_is_never_a_session(kit: PageKit, planted: str) -> None:
    kit.add_user("anna", Role.ENGINEER)
    browser = kit.browser()
    asked = {"Cookie": f"{COOKIE}={planted}".encode()}
    assert browser.get("/api/me", headers=asked).status_code == 401
    answer = browser.post("/api/login", json={"name": "anna", "password": PASSWORD}, headers=asked)
    assert answer.cookies[COOKIE] != planted
    assert kit.browser().get("/api/me", headers=asked).status_code == 401


def test_a_lock_out_holds_against_the_right_password_from_everywhere_it_was_tried(
    kit: PageKit,
) -> None:
    kit.add_user("anna", Role.ENGINEER)
    attacker, anna = kit.browser("10.0.0.9"), kit.browser("10.0.0.1")
    for _ in range(WRONG_LOGINS):
        attacker.post("/api/login", json={"name": "anna", "password": "wrong"})
    right = {"name": "anna", "password": PASSWORD}
    assert attacker.post("/api/login", json=right).status_code == 429
    assert anna.post("/api/login", json=right).status_code == 200, "a stranger locked anna out"


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "10.9.9.9"}, {"Forwarded": "for=10.9.9.9"}, {"X-Real-IP": "10.9.9.9"}],
    ids=str,
)
def test_no_header_gives_an_attacker_another_address(kit: PageKit, headers: dict[str, str]) -> None:
    kit.add_user("anna", Role.ENGINEER)
    browser = kit.browser("10.0.0.9")
    wrong = {"name": "anna", "password": "wrong"}
    found = [browser.post("/api/login", json=wrong, headers=headers).status_code for _ in range(6)]
    assert found[-1] == 429


# Over the socket: what a test client would put right before it sends it.


@pytest.fixture
def served(kit: PageKit) -> Iterator[tuple[PageKit, int]]:
    rooms = kit.page.rooms
    server = PageServer(kit.app, rooms.table.model_copy(update={"port": 0}), rooms.live)
    server.open()
    yield kit, int(server.address.split(":")[-1].strip("/"))
    server.close()


def status_of(port: int, request: bytes, here: str = "127.0.0.1") -> int:
    """The status of a raw request; 0 where the page hung up."""
    with connection(port, here) as peer, contextlib.suppress(OSError):
        peer.sendall(request)
        words = peer.recv(64).split(b" ")
        return int(words[1]) if len(words) > 1 else 0
    return 0


def connection(port: int, here: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 10, source_address=(here, 0))


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/static/..\\app.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/" + "../" * 12 + "etc/passwd",
        "/static/" + "%2e%2e/" * 12 + "etc/passwd",
        "/static/" + "a" * 5000,
        "/api/picture/..%2f..%2fusers.json",
        "//evil.example/%2e%2e",
    ],
)
def test_no_path_leads_out_of_the_static_folder(served: tuple[PageKit, int], path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    assert status_of(served[1], request) in (400, 404)


def test_a_link_in_the_address_of_a_redirect_stays_on_the_page(
    served: tuple[PageKit, int],
) -> None:
    kit, port = served
    kit.add_user("anna", Role.VIEWER)
    for path in ("//evil.example", "/%0d%0aSet-Cookie:x=1", "/system?lang=%0d%0aX:1"):
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        peer.request("GET", path)
        answer = peer.getresponse()
        assert answer.getheader("Location") in (None, "/login")
        assert answer.getheader("Set-Cookie") is None
        peer.close()


BIG = LARGEST_BODY + 1
HEAD = b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (HEAD + b"Content-Length: %d\r\n\r\n" % BIG + b"x" * BIG, {413}),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n%s\r\n" % (b"x" * 0x4000) * 5,
         {413}),
        (HEAD + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 422}),
        (HEAD + b"Content-Length: -1\r\n\r\n", {400}),
        (HEAD + b"Content-Length: 3\r\n\r\n\xff\xfe\x00", {422}),
        (HEAD + b"Content-Length: 60000\r\n\r\n" + b"[" * 60000, {422}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", {400, 431, 0}),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", {400, 431, 0}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400, 0}),
        (b"GET / HTTP/1.1\r\n\r\n", {400}),
    ],
    ids=["body", "chunks", "two lengths", "negative", "no text", "deep", "long header",
         "many headers", "TLS hello", "no host"],
)  # fmt: skip
def test_what_is_too_large_or_no_request_is_refused(
    served: tuple[PageKit, int], request_: bytes, statuses: set[int]
) -> None:
    kit, port = served
    kit.add_user("anna", Role.VIEWER)
    assert status_of(port, request_) in statuses
    assert fetched(port) == 200


def fetched(port: int, here: str = "127.0.0.1") -> int:
    request = b"GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return status_of(port, request, here)


def test_a_thousand_connections_of_one_address_shut_nobody_out(
    served: tuple[PageKit, int],
) -> None:
    _, port = served
    with contextlib.ExitStack() as held:
        for count in range(1000):
            with contextlib.suppress(OSError):
                held.enter_context(connection(port, "127.0.0.2"))
            # An answer shows that all before it were taken: where more wait than the kernel
            # keeps, the next one is tried again after a second.
            if count % 100 == 99:
                began = time.monotonic()
                assert fetched(port, "127.0.0.3") == 200
                assert time.monotonic() - began < 2
    assert wait_until(lambda: fetched(port, "127.0.0.2") == 200, 5)


def test_a_connection_that_says_nothing_or_never_ends_its_request_is_ended(
    kit: PageKit,
) -> None:
    class Hasty(GuardedConnection):
        head_s = 0.3

    rooms = kit.page.rooms
    table = rooms.table.model_copy(update={"port": 0})
    server = PageServer(kit.app, table, rooms.live, connection=Hasty)
    server.open()
    port = int(server.address.split(":")[-1].strip("/"))
    try:
        with connection(port) as silent, connection(port) as slow, connection(port) as drips:
            answered = b"GET /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
            drips.sendall(answered)
            assert all(ends(peer) for peer in (silent, slow, drips))
    finally:
        server.close()


def test_a_page_that_closes_ends_a_viewer_who_does_not_read(
    kit: PageKit, caplog: pytest.LogCaptureFixture
) -> None:
    rooms = kit.page.rooms
    gc.collect()  # a socket that another test left is not this one's
    before = open_sockets()
    server = PageServer(kit.app, rooms.table.model_copy(update={"port": 0}), rooms.live)
    server.open()
    port = int(server.address.split(":")[-1].strip("/"))
    request = b"GET /static/uplot/uplot.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connection(port) as viewer:
        viewer.sendall(request * 400)  # more than all buffers on the way hold
        assert wait_until(lambda: is_full(viewer), 10)
        server.close()
        assert open_sockets() == before + 1  # the viewer's own
    assert open_sockets() == before
    assert not [line for line in caplog.records if line.levelname == "ERROR"]


def is_full(peer: socket.socket) -> bool:
    """Whether what waits to be read has not grown for a while."""
    unread = array.array("i", [0])
    fcntl.ioctl(peer, termios.FIONREAD, unread)
    before = unread[0]
    time.sleep(0.2)
    fcntl.ioctl(peer, termios.FIONREAD, unread)
    return 0 < before == unread[0]


def ends(peer: socket.socket) -> bool:
    """Whether the page hangs up on a peer that goes on sending a byte now and then."""
    peer.settimeout(0.1)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        try:
            peer.sendall(b"G")
            if not peer.recv(65536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_live_views_are_bounded_and_a_full_station_says_so(kit: PageKit) -> None:
    browser: TestClient = kit.logged_in(Role.VIEWER)
    kit.page.rooms.live.viewers = 2 * kit.page.rooms.table.viewers
    answer = browser.get("/api/events")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_the_clock_of_a_session_is_the_station_s(kit: PageKit) -> None:
    assert not isinstance(kit.clock, SystemClock)
    browser = kit.logged_in(Role.VIEWER)
    kit.clock.advance_s(kit.page.rooms.table.session_hours * 3600 + 1)
    assert browser.get("/api/me").status_code == 401


def test_every_route_is_a_plain_one(kit: PageKit) -> None:
    """A mount or a socket beside the table would escape these tests."""
    others = [route for route in kit.all_routes() if not isinstance(route, Route)]
    assert [getattr(route, "path", "") for route in others] == ["/static"]
