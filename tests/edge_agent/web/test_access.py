"""Nobody changes anything without a session, a role, the page's token and the page's origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.web import api
from edge_agent.web.access import COOKIE
from edge_agent.web.config import WebTable
from edge_agent.web.operation import Operation
from edge_agent.web.sessions import LockOut, Sessions
from edge_agent.web.users import HASHER, NOBODY, Role, UserFile
from tests.page_kit import PASSWORD, PageKit

STOP = {"stopped": True}


def operations(kit: PageKit) -> list[Operation]:
    return api.operations(kit.page.rooms)


def test_no_operation_answers_a_stranger_where_users_are_configured(kit: PageKit) -> None:
    kit.add_user("anna", Role.ENGINEER)
    kit.part("p1")
    browser = kit.browser()
    for row in operations(kit):
        path = row.path.format(channel="top", stem="x")
        answer = browser.request(row.method, path, json=STOP if row.takes else None)
        wanted = {422} if row.name == "logIn" else {401}
        assert answer.status_code in wanted, (row.name, answer.text)
    assert not kit.hold.by
    assert not kit.records


@pytest.mark.parametrize("path", ["/", "/history", "/system"])
def test_a_stranger_is_sent_to_the_login(kit: PageKit, path: str) -> None:
    kit.add_user("anna", Role.VIEWER)
    answer = kit.browser().get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_without_users_this_machine_may_read_and_nothing_else(kit: PageKit) -> None:
    browser = kit.browser()
    assert browser.get("/api/line").status_code == 200
    assert browser.get("/").status_code == 200
    for row in operations(kit):
        if row.method != "GET" and row.role and row.name != "logOut":
            answer = browser.request(row.method, row.path, json=STOP if row.takes else None)
            assert answer.status_code == 403, row.name
    assert browser.get("/api/system").status_code == 403


@pytest.mark.parametrize(
    ("address", "base_url"),
    [("192.168.1.9", "http://localhost:8080"), ("127.0.0.1", "http://evil.example:8080")],
    ids=["another machine", "a name of a stranger that points here"],
)
def test_without_users_nobody_else_reads(kit: PageKit, address: str, base_url: str) -> None:
    browser = kit.browser(address, base_url)
    assert browser.get("/api/line").status_code == 403
    assert browser.get("/").status_code == 403


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.VIEWER, "/api/passing", 403),
        (Role.OPERATOR, "/api/passing", 200),
        (Role.QUALITY, "/api/passing", 200),
    ],
)
def test_roles(kit: PageKit, role: Role, path: str, status: int) -> None:
    assert kit.logged_in(role).post(path, json=STOP).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "x" * 43},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_change_that_another_page_sends_is_refused(kit: PageKit, headers: dict[str, str]) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    assert browser.post("/api/passing", json=STOP, headers=headers).status_code == 403
    assert not kit.hold.by


def test_a_form_of_another_page_is_no_json(kit: PageKit) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    answer = browser.post(
        "/api/passing", content='{"stopped":true}', headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 415


def test_a_session_id_from_before_the_login_is_worth_nothing_after_it(kit: PageKit) -> None:
    kit.add_user("anna", Role.OPERATOR)
    browser = kit.browser()
    browser.cookies.set(COOKIE, "chosen-by-the-attacker")
    browser.post("/api/login", json={"name": "anna", "password": PASSWORD})
    attacker = kit.browser()
    attacker.cookies.set(COOKIE, "chosen-by-the-attacker")
    assert attacker.get("/api/me").status_code == 401


def test_a_second_login_ends_the_first_session(kit: PageKit) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    first = browser.cookies[COOKIE]
    browser.post("/api/login", json={"name": "operator", "password": PASSWORD})
    old = kit.browser()
    old.cookies.set(COOKIE, first)
    assert old.get("/api/me").status_code == 401


def test_the_cookie_is_for_this_page_only(kit: PageKit) -> None:
    kit.add_user("anna", Role.OPERATOR)
    answer = kit.browser().post("/api/login", json={"name": "anna", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_log_out_and_removal_end_a_session(kit: PageKit) -> None:
    browser = kit.logged_in(Role.OPERATOR)
    kept = browser.cookies[COOKIE]
    assert browser.post("/api/logout").status_code == 200
    browser.cookies.set(COOKIE, kept)
    assert browser.get("/api/me").status_code == 401
    other = kit.logged_in(Role.QUALITY)
    kit.page.rooms.users.remove("quality")
    assert other.get("/api/me").status_code == 401


def test_too_many_wrong_passwords_lock_out_and_time_unlocks(kit: PageKit) -> None:
    kit.add_user("anna", Role.OPERATOR)
    browser = kit.browser()
    wrong = {"name": "anna", "password": "wrong"}
    found = [browser.post("/api/login", json=wrong).status_code for _ in range(6)]
    assert found == [401] * 5 + [429]
    right = {"name": "anna", "password": PASSWORD}
    answer = browser.post("/api/login", json=right)
    assert answer.status_code == 429
    kit.clock.advance_s(float(answer.headers["retry-after"]) + 1)
    assert browser.post("/api/login", json=right).status_code == 200


def test_many_names_from_one_address_are_locked_out_and_others_are_not() -> None:
    lock = LockOut(ManualClock(), tries=2)
    for k in range(8):
        lock.fail(f"name{k}", "10.0.0.1")
    assert lock.wait_s("another", "10.0.0.1") > 0
    assert lock.wait_s("another", "10.0.0.2") == 0


def test_a_session_without_a_click_ends() -> None:
    clock = ManualClock()
    sessions = Sessions(clock, hours=1)
    session_id, _ = sessions.begin("anna")
    clock.advance_s(3500)
    assert sessions.find(session_id, touch=False)
    clock.advance_s(200)
    assert sessions.find(session_id) is None


def test_passwords_are_kept_as_argon2_and_the_file_is_private(tmp_path: Path) -> None:
    users = UserFile(tmp_path / "users.json")
    users.add("anna", Role.VIEWER, PASSWORD)
    text = (tmp_path / "users.json").read_text()
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in text
    assert PASSWORD not in text
    assert (tmp_path / "users.json").stat().st_mode & 0o077 == 0
    assert users.check("anna", PASSWORD) == Role.VIEWER
    assert users.check("anna", "another") is None
    assert users.check("nobody", PASSWORD) is None
    assert not HASHER.check_needs_rehash(NOBODY), "an unknown name would be told by its time"


@pytest.mark.parametrize(("name", "password"), [("../x", PASSWORD), ("anna", "short")])
def test_bad_users_are_refused(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(ConfigError):
        UserFile(tmp_path / "users.json").add(name, Role.VIEWER, password)


def test_a_damaged_file_of_users_lets_nobody_in(kit: PageKit) -> None:
    (kit.folder / "users.json").write_text("{")
    browser = kit.browser()
    assert browser.get("/api/line").status_code == 500
    assert browser.get("/").status_code == 500


def test_the_network_needs_tls() -> None:
    with pytest.raises(ValueError, match="tls_cert"):
        WebTable(host="0.0.0.0")
    assert not WebTable(host="0.0.0.0", plain_http=True).is_local
    assert WebTable(host="::1").is_local
