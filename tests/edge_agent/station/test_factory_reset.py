"""What a reset removes, what it keeps, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.audit.segments import records, verify
from edge_agent.messaging.outbox_store import OutboxStore
from edge_agent.messaging.row import Row
from edge_agent.station.factory_reset import OF_THE_STATE
from edge_agent.update.folder import Folder

Shown = pytest.CaptureFixture[str]

STATION = """
[station]
id = "press3"
state_dir = "state"
[trust]
root = "."
[mqtt]
host = "broker"
[mqtt.tls]
ca_file = "tls/ca.pem"
cert_file = "tls/press3.pem"
key_file = "tls/press3.key"
[web]
tls_cert = "tls/page.pem"
tls_key = "tls/page.key"
[trigger]
driver = "http"
token_file = "tls/token"
[line]
join = "trigger"
[[adapter]]
driver = "webhook"
url = "https://mes/x"
secret_file = "tls/secret"
ca_file = "/etc/ssl/certs/plant.pem"
[[channel]]
name = "top"
kind = "image"
bundle = "bundles/caps/current"
[channel.source]
driver = "simulated"
"""
KEPT = {
    *("station.toml", "trust/root.json", "tls/ca.pem", "tls/press3.pem", "tls/press3.key"),
    *("tls/page.pem", "tls/page.key", "tls/token", "tls/secret"),
}
FOREIGN = {"agent/slots/a/bin/python", "notes.txt"}
GOES = {
    *("bundles/caps/current/caps.bundle", "update/journal.json", "state/evidence/1.png"),
    *("state/damaged-20260101-000000.db", "state/damaged-20260101-000000.db-wal"),
    "state/runtimes.json",
    *(f"state/{name}" for name in OF_THE_STATE if name.endswith(".json")),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A station that has worked."""
    for name in KEPT | FOREIGN | GOES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "station.toml").write_text(STATION)
    (tmp_path / "state" / "epoch").write_text("{}")
    return tmp_path


def outbox(root: Path) -> OutboxStore:
    """The open outbox, with a verdict and a health message that wait."""
    store = OutboxStore(root / "state", 64.0)
    store.open()
    store.commit([Row(1, "e1", 0, "verdict", b"{}"), Row(2, "e1", 1, "metrics", b"{}")], [])
    return store


def reset(root: Path, *words: str) -> int:
    return main(["factory-reset", "--root", str(root), "--name", "press3", *words])


def there(root: Path) -> set[str]:
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)) for path in found if path.name != "lock"}


def test_what_it_learned_goes_and_who_it_is_stays(root: Path) -> None:
    assert reset(root) == 0
    left = {name for name in there(root) if not name.startswith("state/audit/")}
    assert left == KEPT | FOREIGN | {"state/epoch"}
    assert verify(root / "state" / "audit").whole
    (record,) = [one for one in records(root / "state" / "audit") if one["kind"] == "change"]
    assert record["what"] == "factory reset"
    assert reset(root) == 0, "a second time changes nothing"


def test_the_identity_goes_too_where_it_is_asked_for(root: Path, capsys: Shown) -> None:
    assert reset(root, "--identity", "--json") == 0
    assert there(root) == FOREIGN
    found = json.loads(capsys.readouterr().out)
    assert found["audit_head"].startswith("1:"), "the record of it, for the files of the plant"


def test_verdicts_that_wait_are_not_lost_by_the_way(root: Path, capsys: Shown) -> None:
    outbox(root).close()
    before = there(root)
    assert reset(root) == 1
    assert "1 verdicts wait that nobody has received: let the station" in capsys.readouterr().err
    assert there(root) >= before
    assert reset(root, "--discard-verdicts", "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdicts"] == 1
    assert not (root / "state" / "outbox.db").exists()


def test_an_outbox_that_cannot_be_read_is_one_with_verdicts(root: Path) -> None:
    outbox(root).close()
    (root / "state" / "outbox.db").write_bytes(b"SQLite format 3\0" + bytes(5000))
    assert reset(root) == 1
    assert (root / "bundles").exists()


def test_verdicts_of_a_rebuild_that_was_cut_short_are_not_lost(root: Path) -> None:
    outbox(root).close()
    (root / "state" / "outbox.db").rename(root / "state" / "outbox.rebuilt.db")
    assert reset(root) == 1
    assert reset(root, "--discard-verdicts") == 0
    assert not list((root / "state").glob("outbox*"))


@pytest.mark.parametrize("folder", ["update", "bundles/caps"])
def test_an_update_at_work_is_not_disturbed(root: Path, folder: str, capsys: Shown) -> None:
    before = there(root)
    with Folder.open(root / folder) as held, held.locked():
        assert reset(root) == 1
    assert "another install or rollback is at work" in capsys.readouterr().err
    assert there(root) >= before


def test_another_name_and_a_running_agent_are_refused(root: Path, capsys: Shown) -> None:
    before = there(root)
    assert main(["factory-reset", "--root", str(root), "--name", "press4"]) == 2
    assert "this station is press3, not 'press4'" in capsys.readouterr().err
    store = outbox(root)
    assert reset(root, "--discard-verdicts") == 1
    assert "another agent uses this folder: stop it" in capsys.readouterr().err
    assert reset(root, "--dry-run") == 0, "a dry run beside the agent"
    assert "an unknown number of verdicts waited" in capsys.readouterr().out
    store.close()
    assert reset(root, "--dry-run") == 0
    assert "1 verdicts waited" in capsys.readouterr().out
    assert there(root) >= before


def test_a_dry_run_needs_no_name_to_confirm(root: Path, capsys: Shown) -> None:
    assert main(["factory-reset", "--root", str(root), "--dry-run"]) == 0
    assert "press3: " in capsys.readouterr().out
    assert main(["factory-reset", "--root", str(root)]) == 2
