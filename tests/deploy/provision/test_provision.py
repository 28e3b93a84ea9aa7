"""A board becomes a station over a real sshd; the second time nothing is left to do."""

from __future__ import annotations

import ensurepip
import json
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.broker.certificates import ensure_certificates
from deploy.provision.board_state import look
from deploy.provision.plan import make_plan
from deploy.provision.provision import AGENT, Board, apply_plan
from deploy.provision.wishes import Order, read_order
from deploy.push.host import parse_host
from tests.deploy.flash.stations import PUBLIC_KEY
from tests.deploy.provision import board as boards
from tests.deploy.provision.board import RunningBoard
from tests.line.test_self_update import agent_files
from tests.signing_kit import now, open_workshop
from tests.wheel_kit import write_wheel

Shown = pytest.CaptureFixture[str]

STATION = """
[station]
id = "press3"
[trust]
root = "."
[mqtt]
host = "broker"
username = "press3"
password_file = "/etc/lineside/password"
[mqtt.tls]
ca_file = "tls/ca.pem"
cert_file = "tls/press3.pem"
key_file = "tls/press3.key"
[[channel]]
name = "top"
kind = "image"
bundle = "bundles/brightness"
[channel.source]
driver = "simulated"
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBoard]:
    if reason := boards.missing():
        pytest.skip(reason)
    try:
        with boards.running_board(tmp_path_factory.mktemp("board")) as found:
            yield found
    except OSError as error:
        pytest.skip(f"NOT TESTED: no overlay of / here: {error}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """station.toml, the broker's folder, a person's key, and an agent that is one file."""
    folder = tmp_path_factory.mktemp("wishes")
    (folder / "station.toml").write_text(STATION)
    (folder / "ann.pub").write_text(PUBLIC_KEY)
    ensure_certificates(folder / "broker", ["broker"], now().now)
    (folder / "broker" / "passwords").mkdir()
    (folder / "broker" / "passwords" / "press3").write_text("secret\n")
    (folder / "broker" / "passwords" / "press3").chmod(0o600)
    return folder


def wheels(folder: Path, files: dict[str, bytes]) -> Path:
    """The agent's wheel with these files, pip's, and what the agent needs from these tests."""
    found = folder / "wheels"
    scripts = {"lineside-0.6.0.dist-info/entry_points.txt": ENTRY}
    write_wheel(found, "lineside", "0.6.0", {**files, **scripts}, needs=["others"])
    write_wheel(
        found, "others", "1.0", {"others.pth": f"{sysconfig.get_path('purelib')}\n".encode()}
    )
    (pip,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    (found / pip.name).write_bytes(pip.read_bytes())
    return found


ENTRY = b"[console_scripts]\nlineside-agent = edge_agent.__main__:main\n"


def provision(board: RunningBoard, folder: Path, *words: str | Path) -> int:
    asked = ["provision", "station", "--station", folder / "station.toml", *words]
    return main([*map(str, asked), "--ssh-config", str(board.ssh_config), "--json"])


def test_a_board_without_an_agent_gets_none_by_itself(
    board: RunningBoard, folder: Path, capsys: Shown
) -> None:
    assert provision(board, folder) == 4
    assert "station: has no agent: add --wheels DIR" in capsys.readouterr().err
    assert board.run("ls /var/lib/lineside /opt/lineside 2>/dev/null") == ""


def test_a_call_that_was_cut_before_the_service_is_finished_by_the_next(
    board: RunningBoard, folder: Path, capsys: Shown
) -> None:
    """The keys of before, whose file has no last newline, stay keys beside the new one."""
    board.run("mkdir -p /opt/lineside /root/.ssh; echo 1 >/opt/lineside/wheels.sha256")
    board.run("printf 'ssh-ed25519 AAAA bob@plant' >/root/.ssh/authorized_keys")
    order = Order(folder / "station.toml", keys=(folder / "ann.pub",))
    wishes = read_order(order)
    host = parse_host("station:/", ssh_config=board.ssh_config)
    state = look(host, [file.path for file in wishes.wanted.files])
    apply_plan(Board(host, state), make_plan(wishes.wanted, state, "station"), wishes.wheels)
    keys = board.run("cat /root/.ssh/authorized_keys")
    assert keys == f"ssh-ed25519 AAAA bob@plant\n{PUBLIC_KEY}"

    for steps in (["start the agent"], []):
        assert provision(board, folder, "--key", folder / "ann.pub") == 0, capsys.readouterr().err
        assert json.loads(capsys.readouterr().out)["steps"] == steps
    assert board.run("systemctl is-enabled lineside-agent") == "enabled\n"
    board.run("systemctl disable lineside-agent; rm -rf /opt/lineside /var/lib/lineside")
    board.run("rm -rf /root/.ssh /etc/systemd/system/lineside-agent.service")


@pytest.mark.slow
def test_a_board_becomes_a_station_and_stays_one(
    board: RunningBoard, folder: Path, capsys: Shown
) -> None:
    workshop = open_workshop(folder / "workshop")
    bundle = workshop.signed("1.0.0")
    words = ["--wheels", wheels(folder, agent_files()), "--hostname", "press3"]
    words += ["--key", folder / "ann.pub", "--broker", folder / "broker"]
    words += ["--trust", workshop.public, "--bundle", bundle]
    assert provision(board, folder, *words, "--dry-run") == 0
    planned = json.loads(capsys.readouterr().out)["steps"]
    assert "set the name press3" in planned
    assert "write /etc/lineside/password" in planned
    assert board.run("ls /opt/lineside 2>/dev/null; cat /etc/hostname") != "press3\n"

    assert provision(board, folder, *words) == 0, capsys.readouterr().err
    done = json.loads(capsys.readouterr().out)["steps"]
    assert done[-3:] == [
        "make /var/lib/lineside/tls/press3.pem", "install brightness 1.0.0", "start the agent"
    ]  # fmt: skip
    assert board.run("cat /etc/hostname /etc/lineside/password") == "press3\nsecret\n"
    assert PUBLIC_KEY in board.run("cat /root/.ssh/authorized_keys")
    rights = board.run("cd /var/lib/lineside; stat -c '%a %U:%G' station.toml tls/press3.key")
    assert rights == "640 root:lineside\n640 root:lineside\n"
    assert AGENT.rpartition("/")[0] in board.run("cat /etc/systemd/system/lineside-agent.service")
    assert (
        json.loads(board.run(f"{AGENT} slots status --root /var/lib/lineside --json"))[0]["version"]
        == "1.0.0"
    )
    (folder / "press3.pem").write_text(board.run("cat /var/lib/lineside/tls/press3.pem"))
    verify = ["openssl", "verify", "-purpose", "sslclient"]
    verify += ["-CAfile", str(folder / "broker" / "ca.pem"), str(folder / "press3.pem")]
    subprocess.run(verify, check=True, stdout=subprocess.DEVNULL)

    assert provision(board, folder, *words) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == [], "everything is there"
    assert board.run("grep -c ann@plant /root/.ssh/authorized_keys") == "1\n"
    assert board.run("ls -d /tmp/tmp.* 2>/dev/null") == "", "nothing secret is left behind"
