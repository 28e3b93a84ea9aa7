"""The agent updates itself: real agents in real environments, a launcher, a service that restarts.

Each wheel set holds this tree's own agent under another version. What those agents need comes from
the environment of the tests, by a wheel that holds a .pth file.
"""

from __future__ import annotations

import ensurepip
import json
import shlex
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.signing.wheel_release import release_agent
from edge_agent.audit.segments import records
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.station.factory_reset import OF_THE_IDENTITY, OF_THE_STATE
from edge_agent.update.slots import install
from edge_agent.update.state_word import RUNNING_JSON
from tests.signing_kit import Workshop
from tests.station_kit import UNHURRIED, wait_until
from tests.wheel_kit import agent_workshop, write_wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

ROOT = Path(__file__).parents[2]
STATION = f"""
[station]
id = "press3"
state_dir = "state"
[trust]
root = "."
{UNHURRIED}
[[channel]]
name = "top"
kind = "image"
bundle = "bundles/brightness"
[channel.source]
driver = "simulated"
rate_hz = 2
"""
SERVICE = """\
trap 'kill $agent; wait $agent; exit' TERM
while :; do
    {python} -m edge_agent launch {root}/station.toml --quiet --hold 1 --arm-within {arm} &
    agent=$!
    echo $agent >{root}/pid
    wait $agent
    sleep 0.2
done
"""
"""As systemd does it with Restart=always."""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return agent_workshop(tmp_path / "workshop")


@pytest.fixture
def root(workshop: Workshop, tmp_path: Path) -> Path:
    """A station with a signed bundle."""
    root = tmp_path / "station"
    install(workshop.signed("1.0.0"), root, lambda _: None, trust=workshop.public)
    (root / "station.toml").write_text(STATION)
    return root


@contextmanager
def service(root: Path, arm_s: float = 600.0) -> Iterator[None]:
    """The station's service, until the block ends; it is armed at the beginning."""
    script = SERVICE.format(python=shlex.quote(sys.executable), root=root, arm=arm_s)
    with (root / "log").open("ab") as log:
        running = subprocess.Popen(["sh", "-c", script], stdout=log, stderr=log)
        try:
            assert wait_until(lambda: is_armed(root), 600), (root / "log").read_text()[-2000:]
            yield
        finally:
            running.terminate()
            running.wait(timeout=600)


def is_armed(root: Path) -> bool:
    try:
        text = (root / "state" / "state.json").read_bytes()
        return StateMessage.model_validate_json(text).state == "armed"
    except (OSError, ValueError):
        return False


def agent_files() -> dict[str, bytes]:
    """This tree's agent, as a wheel holds it."""
    return {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in (ROOT / "edge_agent").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def release(workshop: Workshop, version: str, damage: str = "") -> None:
    """This tree's agent as `version`; damage: Python at the end of the station's module."""
    wheels, files = workshop.folder / f"wheels-{version}", agent_files()
    files["edge_agent/station/station.py"] += damage.encode()
    write_wheel(wheels, "lineside", version, files)
    pth = f"{sysconfig.get_path('purelib')}\n".encode()
    write_wheel(wheels, "others", "1.0", {"others.pth": pth})
    (pip,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    (wheels / pip.name).write_bytes(pip.read_bytes())
    release_agent(wheels, workshop.repository())


def update(root: Path, workshop: Workshop) -> dict[str, str]:
    """What `self-update start` ends with; the agent is restarted by its process id."""
    command = [sys.executable, "-m", "edge_agent", "self-update", "start", "--json"]
    command += ["--from", str(workshop.folder / "releases"), "--root", str(root)]
    command += ["--restart", f"sh -c 'kill $(cat {root}/pid)'"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr + (root / "log").read_text()[-2000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


def started(root: Path) -> list[str]:
    """The version of each agent that the audit log saw start."""
    found = records(root / "state" / "audit")
    return [str(record["version"]) for record in found if record["kind"] == "start"]


def test_a_good_agent_stays_and_a_broken_one_goes(workshop: Workshop, root: Path) -> None:
    release(workshop, "7.1.0")
    with service(root):
        found = update(root, workshop)
        assert (found["state"], found["reason"]) == ("done", "")
        assert started(root)[-1] == "7.1.0"
        assert json.loads((root / "state" / RUNNING_JSON).read_bytes()) == {"version": "7.1.0"}
        release(workshop, "7.2.0", "raise RuntimeError('broken in the station')\n")
        begun = time.monotonic()
        found = update(root, workshop)
        assert found["state"] == "quarantine"
        assert "exit code 1 before it had proven itself" in found["reason"]
        assert wait_until(lambda: is_armed(root), 600)
        took_s = time.monotonic() - begun
        assert started(root)[-1] == "7.1.0"
        command = (Path("/proc") / (root / "pid").read_text().strip() / "cmdline").read_bytes()
        assert f"{root}/agent/slots/".encode() in command
    assert (root / "log").read_text().count("RuntimeError: broken in the station") == 3
    known = {*OF_THE_STATE, *OF_THE_IDENTITY, "lock", "launch.json"}
    assert {path.name for path in (root / "state").iterdir()} <= known, "for a factory reset"
    print(f"a broken agent: from its release to the old one armed {took_s:.1f} s")  # noqa: T201


def test_an_agent_that_never_arms_is_ended_in_time(workshop: Workshop, root: Path) -> None:
    release(workshop, "7.3.0", "Station.run = lambda self, stop: stop.wait()\n")
    with service(root, arm_s=15.0):
        before = started(root)[-1]
        found = update(root, workshop)
        assert found["state"] == "quarantine"
        assert "it was not armed within 15 s" in found["reason"]
        assert wait_until(lambda: is_armed(root), 600)
        assert started(root)[-1] == before
