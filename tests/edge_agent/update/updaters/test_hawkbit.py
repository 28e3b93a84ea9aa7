"""A station as hawkBit's target: what it takes, reports, resumes and refuses."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.update import ddi, download
from edge_agent.update.bundle_update import Station, journal_of
from edge_agent.update.ddi import DdiServer
from edge_agent.update.folder import Folder, make_folder
from edge_agent.update.hawkbit_actions import MOST_TRIES, Actions
from edge_agent.update.journal import Journal
from tests.edge_agent.rollout.rollout_kit import Line
from tests.edge_agent.update.updaters.ddi_kit import TARGET, TENANT, TOKEN, Hawkbit, serving
from tests.edge_agent.update.updaters.updater_kit import packed, station, version
from tests.signing_kit import open_workshop

MOST_RUNS = 40
"""More than there are states to be killed in."""


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return station(tmp_path)


@pytest.fixture
def hawkbit() -> Iterator[Hawkbit]:
    with serving() as server:
        yield server


def client(line: Line, hawkbit: Hawkbit, station: Station | None = None) -> Actions:
    """A client that has just been started."""
    login = f"TargetToken {TOKEN}"
    server = DdiServer(hawkbit.address, TENANT, TARGET, login, None, SystemClock())
    return Actions(server, station or line.station(), 0.0, {"station": TARGET}, retry_s=0.0)


def test_a_release_is_downloaded_installed_and_reported(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    actions = client(line, hawkbit)
    assert actions.poll()
    assert version(line) == "1.1.0"
    assert hawkbit.ended() == ("deploymentBase", "closed", "success", "")
    told = [one[3] for one in hawkbit.feedback if one[1] == "proceeding"]
    assert told[0] == "download"
    assert told[-3:] == ["switch", "probation", "commit"]
    assert hawkbit.attributes["bundle.brightness"] == "1.1.0"
    assert actions.poll()
    assert len([one for one in hawkbit.feedback if one[1] == "closed"]) == 1
    kept = {path.name for path in (line.root / "hawkbit").iterdir()}
    assert kept == {"action.json", ".lock"}


def test_a_plain_bundle_is_taken_too(line: Line, hawkbit: Hawkbit) -> None:
    packed(line, "1.1.0")
    hawkbit.assign(line.workshop.folder / "brightness-1.1.0.bundle")
    assert client(line, hawkbit).poll()
    assert version(line) == "1.1.0"


def test_the_verb_polls_once(line: Line, hawkbit: Hawkbit, tmp_path: Path) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    place = ["--url", hawkbit.address, "--id", TARGET, "--token-file", str(token)]
    words = ["updater", "hawkbit", *place, "--root", str(line.root), "--probation", "0", "--once"]
    assert main(words) == 0
    assert version(line) == "1.1.0"
    token.write_text("wrong")
    assert main(words) == 4
    hawkbit_away = [word.replace(hawkbit.address, "http://127.0.0.1:9") for word in words]
    assert main(hawkbit_away) == 4


@pytest.mark.parametrize(
    ("url", "mode", "root", "code", "words"),
    [
        ("http://hawkbit.plant", 0o600, "", 2, "unencrypted: https://hawkbit.plant, or --plain-ht"),
        ("ftp://hawkbit.plant", 0o600, "", 2, "is no address"),
        ("https://", 0o600, "", 2, "is no address"),
        ("https://127.0.0.1:9", 0o644, "", 2, "the token is open to others (mode 644): chmod 600"),
        ("https://127.0.0.1:9", 0o600, "typo", 1, "no such station folder: check the path"),
    ],
)
def test_what_would_give_the_token_away_or_is_mistyped_is_refused(
    url: str,
    mode: int,
    root: str,
    code: int,
    words: str,
    line: Line,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(mode)
    place = ["--url", url, "--id", TARGET, "--token-file", str(token), "--once"]
    assert main(["updater", "hawkbit", *place, "--root", str(line.root / root)]) == code
    assert words in capsys.readouterr().err
    assert not (line.root / "typo").exists()


def test_plain_http_is_taken_where_it_was_asked_for_and_warned_of(
    line: Line, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    place = ["--url", "http://0.0.0.0:9", "--id", TARGET, "--token-file", str(token), "--once"]
    words = ["updater", "hawkbit", *place, "--root", str(line.root)]
    assert (main(words), caplog.text) == (2, "")
    assert main([*words, "--plain-http"]) == 4
    assert "the token goes to http://0.0.0.0:9 unencrypted" in caplog.text


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["missing", "no certificate"])
def test_an_authority_that_cannot_be_used_is_no_server_that_is_away(
    line: Line, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    token, ca = tmp_path / "token", tmp_path / "ca.pem"
    token.write_text(TOKEN)
    token.chmod(0o600)
    if content is not None:
        ca.write_bytes(content)
    place = ["--url", "https://127.0.0.1:9", "--id", TARGET, "--token-file", str(token)]
    words = ["updater", "hawkbit", *place, "--ca", str(ca), "--root", str(line.root), "--once"]
    assert main(words) == 2
    assert f"{ca}: the certificate of the authority cannot be used" in capsys.readouterr().err


def test_a_download_goes_on_where_it_was_cut(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    hawkbit.cut_after = 5000
    assert not client(line, hawkbit).poll()
    assert hawkbit.is_open
    assert client(line, hawkbit).poll()
    assert hawkbit.ranges == ["", "bytes=5000-"]
    assert version(line) == "1.1.0"


def test_a_server_without_ranges_begins_again(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    hawkbit.cut_after, hawkbit.knows_ranges = 5000, False
    assert not client(line, hawkbit).poll()
    assert client(line, hawkbit).poll()
    assert version(line) == "1.1.0"


def test_a_beginning_that_is_not_the_files_is_downloaded_anew(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    hawkbit.cut_after = 5000
    assert not client(line, hawkbit).poll()
    (part,) = (line.root / "hawkbit").glob("*.part")
    part.write_bytes(bytes(4000))
    assert client(line, hawkbit).poll()
    assert hawkbit.ranges[-2:] == ["bytes=4000-", ""]
    assert version(line) == "1.1.0"


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"announced": {"hashes": {"sha256": "0" * 64}}}, "has the sha256"),
        ({"announced": {"size": 100}}, "100 were announced"),
        ({"announced": {"filename": "../../etc/caps.tar"}}, "0 releases in one distribution"),
        ({"announced": {"hashes": {"sha1": "0" * 40}}}, "what is no DDI answer"),
        ({"announced": {"_links": {}}}, "an artifact without a link"),
        ({"link": "file:///etc/shadow"}, "an address that is not http"),
        ({"link": "https://[x/a.release"}, "what is no address"),
        ({"sends": b"another file of any length"}, "a file of 26 bytes"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_lying_server_installs_nothing_and_gets_a_failure(
    line: Line, hawkbit: Hawkbit, lie: dict[str, object], words: str
) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    for name, value in lie.items():
        setattr(hawkbit, name, value)
    client(line, hawkbit).poll()
    assert version(line) == "1.0.0"
    assert journal_of(line.root) is None
    assert hawkbit.ended()[2] == "failure"
    assert words in hawkbit.ended()[3]


def test_a_redirection_is_not_followed(line: Line, hawkbit: Hawkbit, tmp_path: Path) -> None:
    hawkbit.redirects_to = f"file://{tmp_path}/x"
    server = DdiServer(hawkbit.address, TENANT, TARGET, f"TargetToken {TOKEN}", None, SystemClock())
    with pytest.raises(DeviceError, match=r"redirects \(302\), which is not followed"):
        server.base()
    assert not client(line, hawkbit).poll()


def test_a_dripping_answer_is_cut_and_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ddi, "ANSWER_S", 0.4)
    stop = threading.Event()

    def drip(listening: socket.socket) -> None:
        there, _ = listening.accept()
        with there, contextlib.suppress(OSError):
            there.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not stop.wait(0.05):
                there.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=[listening])
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = DdiServer(address, TENANT, TARGET, f"TargetToken {TOKEN}", None, SystemClock())
        guard = threading.Timer(20, stop.set)
        guard.start()
        with pytest.raises(DeviceError, match="the answer takes longer than it may"):
            server.feedback("1", "proceeding")
        assert not stop.is_set()
        guard.cancel()
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    "base",
    [
        b"[]",
        b"{",
        b"x" * (2 << 20),
        b'{"_links": {"deploymentBase": {"href": "/deploymentBase/../../x"}}}',
        b'{"config": {"polling": {"sleep": "never"}}}',
    ],
    ids=["list", "cut", "large", "no number", "no time"],
)
def test_a_strange_answer_ends_nothing(line: Line, hawkbit: Hawkbit, base: bytes) -> None:
    hawkbit.base = base
    actions = client(line, hawkbit)
    assert not actions.poll()
    hawkbit.base = None
    hawkbit.assign(packed(line, "1.1.0"))
    assert actions.poll()
    assert version(line) == "1.1.0"


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000], ids=["no digit", "long"])
def test_a_length_that_is_no_number_ends_nothing(line: Line, hawkbit: Hawkbit, length: str) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    hawkbit.length = length
    client(line, hawkbit).poll()
    hawkbit.length = None
    client(line, hawkbit).poll()
    assert version(line) == "1.1.0"


def test_a_cancellation_without_a_number_ends_nothing(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    hawkbit.cancels, hawkbit.stop_id = True, "x"
    assert not client(line, hawkbit).poll()
    assert not hawkbit.feedback


@pytest.mark.parametrize("answer", [b"<html>log in", b" " * (2 << 20)], ids=["page", "large"])
def test_a_page_in_the_middle_of_an_update_rolls_nothing_back(
    line: Line, hawkbit: Hawkbit, answer: bytes
) -> None:
    hawkbit.assign(packed(line, "1.1.0"))

    def kill(_: object) -> bool:
        raise Killed

    with pytest.raises(Killed):
        client(line, hawkbit, dataclasses.replace(line.station(), probation=kill)).poll()
    hawkbit.deployment_answer = answer
    assert not client(line, hawkbit).poll()
    assert version(line) == "1.1.0"
    hawkbit.deployment_answer = None
    assert client(line, hawkbit).poll()
    assert hawkbit.ended()[2] == "success"


def test_a_strangers_and_an_old_release_fail_in_words(
    line: Line, hawkbit: Hawkbit, tmp_path: Path
) -> None:
    stranger = dataclasses.replace(line, workshop=open_workshop(tmp_path / "stranger"))
    hawkbit.assign(packed(stranger, "9.0.0"))
    client(line, hawkbit).poll()
    assert "not signed by a key that this station trusts" in hawkbit.ended()[3]
    old = packed(line, "1.1.0")
    hawkbit.assign(packed(line, "1.2.0"))
    client(line, hawkbit).poll()
    hawkbit.assign(old)
    client(line, hawkbit).poll()
    assert hawkbit.ended()[2] == "failure"
    assert "is older than" in hawkbit.ended()[3]
    assert version(line) == "1.2.0"


def test_a_release_that_fails_its_probation_is_back_and_reported(
    line: Line, hawkbit: Hawkbit
) -> None:
    line.bad.add("1.1.0")
    hawkbit.assign(packed(line, "1.1.0"))
    client(line, hawkbit).poll()
    assert hawkbit.ended()[2] == "failure"
    assert "disarms the station" in hawkbit.ended()[3]
    assert version(line) == "1.0.0"


def test_the_window_of_maintenance_is_waited_for(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"), maintenanceWindow="unavailable", update="skip")
    assert client(line, hawkbit).poll()
    assert version(line) == "1.0.0"
    assert len(hawkbit.ranges) == 1
    hawkbit.handling = {"download": "forced", "update": "forced", "maintenanceWindow": "available"}
    assert client(line, hawkbit).poll()
    assert version(line) == "1.1.0"
    assert len(hawkbit.ranges) == 1


def test_a_cancellation_before_the_end_is_taken_and_a_later_one_rejected(
    line: Line, hawkbit: Hawkbit
) -> None:
    release = packed(line, "1.1.0")
    hawkbit.assign(release, update="skip")
    assert client(line, hawkbit).poll()
    hawkbit.cancels = True
    assert client(line, hawkbit).poll()
    assert hawkbit.ended()[:3] == ("cancelAction", "closed", "success")
    assert not list((line.root / "hawkbit").glob("*.release"))
    hawkbit.assign(release)
    assert client(line, hawkbit).poll()
    assert version(line) == "1.1.0"
    hawkbit.is_open = hawkbit.cancels = True
    assert client(line, hawkbit).poll()
    assert hawkbit.feedback[-1][:2] == ("cancelAction", "rejected")
    assert client(line, hawkbit).poll()
    assert hawkbit.ended()[:3] == ("deploymentBase", "closed", "success")


class Killed(BaseException):
    """A power cut."""


@pytest.mark.parametrize("at", ["self_test", "probation"])
def test_after_a_kill_the_next_poll_goes_on(line: Line, hawkbit: Hawkbit, at: str) -> None:
    hawkbit.assign(packed(line, "1.1.0"))

    def kill(_: object) -> bool:
        raise Killed

    cut = dataclasses.replace(line.station(), **{at: kill})
    with pytest.raises(Killed):
        client(line, hawkbit, cut).poll()
    journal = journal_of(line.root)
    assert isinstance(journal, Journal)
    assert journal.state == at
    assert client(line, hawkbit).poll()
    assert hawkbit.ended()[2] == "success"
    assert version(line) == "1.1.0"
    assert len(hawkbit.ranges) == 1


def test_an_outcome_is_reported_until_the_server_has_it(line: Line, hawkbit: Hawkbit) -> None:
    number = hawkbit.assign(packed(line, "1.1.0"))
    assert client(line, hawkbit).poll()
    hawkbit.feedback.clear()
    hawkbit.is_open = True  # as after a feedback that was lost
    assert client(line, hawkbit).poll()
    assert hawkbit.ended() == ("deploymentBase", "closed", "success", "")
    assert hawkbit.action == number
    assert len(hawkbit.ranges) == 1


def test_a_cancellation_of_an_old_action_touches_no_other_one(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    assert client(line, hawkbit).poll()
    hawkbit.assign(packed(line, "1.2.0"), update="skip")
    assert client(line, hawkbit).poll()
    kept = {path.name for path in (line.root / "hawkbit").iterdir()}
    hawkbit.cancels = True
    for stopped, answer in (("1", "rejected"), ("77", "closed")):
        hawkbit.stop_id = stopped
        hawkbit.is_open = hawkbit.cancels = True
        assert client(line, hawkbit).poll()
        assert hawkbit.feedback[-1][:2] == ("cancelAction", answer)
        assert version(line) == "1.1.0"
        assert {path.name for path in (line.root / "hawkbit").iterdir()} == kept


def test_a_committed_release_stays_whatever_the_server_says_then(
    line: Line, hawkbit: Hawkbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    hawkbit.assign(packed(line, "1.1.0"))

    def cut(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Actions, "_succeeded", cut)
        with pytest.raises(Killed):
            client(line, hawkbit).poll()
    hawkbit.announced = {"hashes": {"sha256": "0" * 64}}
    assert client(line, hawkbit).poll()
    assert hawkbit.ended()[2] == "success"
    assert version(line) == "1.1.0"


def test_one_client_works_at_a_time(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    make_folder(line.root / "hawkbit")
    with Folder.open(line.root / "hawkbit") as folder, folder.locked():
        assert not client(line, hawkbit).poll()
        assert hawkbit.asked == []
    assert client(line, hawkbit).poll()
    assert version(line) == "1.1.0"


def test_a_full_disk_is_counted_and_fails_in_words(
    line: Line, hawkbit: Hawkbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    hawkbit.cut_after = 5000
    assert not client(line, hawkbit).poll()
    monkeypatch.setattr(download, "RESERVE_BYTES", 1 << 60)  # no disk has that much left
    for _ in range(MOST_TRIES):
        client(line, hawkbit).poll()
        assert not list((line.root / "hawkbit").glob("*.part"))
    assert hawkbit.ended()[2] == "failure"
    assert "No space left" in hawkbit.ended()[3]
    assert len(hawkbit.ranges) == 1


def test_every_feedback_is_of_the_published_form(line: Line, hawkbit: Hawkbit) -> None:
    line.bad.add("1.1.0")
    hawkbit.assign(packed(line, "1.1.0"))
    client(line, hawkbit).poll()
    hawkbit.assign(packed(line, "1.2.0"))
    client(line, hawkbit).poll()
    assert len(hawkbit.feedback) > 10
    assert not [one for one in hawkbit.feedback if one[0] == "invalid"]


@pytest.mark.slow
def test_the_service_is_killed_in_every_state_that_is_seen_and_ends_well(
    line: Line, hawkbit: Hawkbit
) -> None:
    hawkbit.assign(packed(line, "1.1.0"))
    token = line.folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    place = ["--url", hawkbit.address, "--id", TARGET, "--token-file", str(token), "--once"]
    words = ["updater", "hawkbit", *place, "--root", str(line.root), "--probation", "0"]
    killed: set[str] = set()  # three beginnings of one state would give the release up
    for _ in range(MOST_RUNS):
        if not hawkbit.is_open:
            break
        process = subprocess.Popen([sys.executable, "-m", "edge_agent", *words])
        while process.poll() is None:
            journal = journal_of(line.root)
            if journal is not None and journal.state not in killed:
                killed.add(journal.state)
                process.kill()
            time.sleep(0.002)
        assert version(line) in ("1.0.0", "1.1.0")
    assert killed
    assert hawkbit.ended()[2] == "success"
    assert version(line) == "1.1.0"


def test_another_server_has_other_actions_of_the_same_number(line: Line, hawkbit: Hawkbit) -> None:
    """Each counts its own from 1: what one said has ended, the other one has not begun."""
    hawkbit.assign(packed(line, "1.1.0"))
    assert client(line, hawkbit).poll()
    assert version(line) == "1.1.0"
    with serving() as other:
        other.assign(packed(line, "1.2.0"))
        assert client(line, other).poll()
        assert other.ended()[2] == "success"
        assert other.ranges == [""]
    assert version(line) == "1.2.0"


def test_another_server_cancels_nothing_of_this_one(line: Line, hawkbit: Hawkbit) -> None:
    hawkbit.assign(packed(line, "1.1.0"), update="skip")
    assert client(line, hawkbit).poll()
    kept = (line.root / "hawkbit" / "action.json").read_bytes()
    with serving() as other:
        other.assign(packed(line, "1.2.0"))
        other.cancels = True
        assert client(line, other).poll()
        assert other.feedback[-1][:2] == ("cancelAction", "closed")
    assert (line.root / "hawkbit" / "action.json").read_bytes() == kept
    hawkbit.handling["update"] = "forced"
    assert client(line, hawkbit).poll()
    assert version(line) == "1.1.0"


def test_an_action_that_an_earlier_agent_wrote_down_goes_on(line: Line, hawkbit: Hawkbit) -> None:
    """It has no server in it: it is this one's, and its journal has the name that it had then."""
    hawkbit.assign(packed(line, "1.1.0"))
    path = line.root / "hawkbit" / "action.json"
    path.parent.mkdir()
    path.write_text('{"action": "1"}')
    assert client(line, hawkbit).poll()
    journal = journal_of(line.root)
    assert isinstance(journal, Journal)
    assert (journal.source, hawkbit.ended()[2]) == ("hawkbit 1", "success")
    assert client(line, hawkbit).poll()
    assert len([one for one in hawkbit.feedback if one[1] == "closed"]) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("https://Hawk.plant/", "https://hawk.plant:443"), ("http://h:80", "http://h")],
)
def test_a_server_has_one_name_however_it_is_spelled(one: str, other: str) -> None:
    names = {DdiServer(url, TENANT, TARGET, "", None, SystemClock()).name for url in (one, other)}
    assert len(names) == 1
    assert DdiServer(one, "OTHER", TARGET, "", None, SystemClock()).name not in names
