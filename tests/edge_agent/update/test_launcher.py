"""The launcher with real processes: who is started, who is given up, and what is on disk then.

The agents are shell scripts in the place of a slot's Python; they say in state.json what a station
says. Each adds a line to `log` when it starts.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.wheel_set import Wheel, WheelSet
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.update.agent_slots import AgentSlots
from edge_agent.update.folder import Folder
from edge_agent.update.launcher import Launcher, Limits
from edge_agent.update.slot_version import slot_version
from edge_agent.update.state_table import ATTEMPTS
from edge_agent.update.trial import TRIAL, Record, Trial, read_record, write_record
from tests.station_kit import wait_until

NEW, OLD = "a" * 64, "b" * 64
TRIAL_ID = "0123456789abcdef"
LONG = Limits(arm_s=120.0, hold_s=0.3, again_s=0.0)
ARMS = "trap 'exit 0' TERM; cp {armed} {state}/state.json; while :; do sleep 0.1; done"
UNTIL_PROVEN = (
    "cp {armed} {state}/state.json; until grep -q proven {state}/launch.json; do sleep 0.05; done"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A station whose new agent is on trial."""
    (tmp_path / "agent").mkdir()
    (tmp_path / "state").mkdir()
    armed = StateMessage(station="a", at_ns=1, state="armed", bundles={"top": "caps 1.0.0"})
    (tmp_path / "armed").write_text(armed.model_dump_json())
    make_current(tmp_path, NEW)
    trial = Trial(trial=TRIAL_ID, slot=NEW, before=OLD)
    (tmp_path / "agent" / TRIAL).write_text(trial.model_dump_json())
    return tmp_path


def make_current(root: Path, slot: str) -> None:
    with Folder.open(root / "agent") as folder:
        AgentSlots(folder).switch(slot)


def agent(root: Path, slot: str, script: str) -> None:
    """Let a slot's Python be a script; {armed} and {state} are what it needs to say it is armed."""
    python = root / "agent" / "slots" / slot / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    words = script.format(armed=root / "armed", state=root / "state")
    python.write_text(f"#!/bin/sh\necho {slot[0]} $5 >>{root}/log\n{words}\n")
    python.chmod(0o755)


def launched(root: Path, limits: Limits = LONG) -> tuple[int, list[str]]:
    """The launcher's exit code, and the first letter of the slots that it became."""
    became: list[str] = []

    def become(command: list[str], environment: dict[str, str]) -> None:
        found = Path(command[0])
        if not found.exists():
            raise FileNotFoundError(2, "No such file or directory")
        own = found == Path(sys.executable)
        became.append("own" if own else found.parents[1].name[0])

    launcher = Launcher(
        root, root / "state", ["station.toml"], SystemClock(), limits=limits, become=become
    )
    return launcher.run(), became


def record(root: Path) -> Record:
    found = read_record(root / "state")
    assert found is not None
    return found


def test_an_agent_that_ends_three_times_is_given_up_for_good(root: Path) -> None:
    agent(root, NEW, "exit 1")
    agent(root, OLD, "")
    assert launched(root)[1] == ["b"]
    assert (record(root).verdict, record(root).starts) == ("failed", ATTEMPTS)
    assert "exit code 1 before it had proven itself" in record(root).reason
    assert (root / "log").read_text() == "a station.toml\n" * ATTEMPTS
    assert launched(root)[1] == ["b"], "the next start does not try it again"


def test_an_agent_that_refuses_the_configuration_is_started_once(root: Path) -> None:
    agent(root, NEW, "exit 2")
    agent(root, OLD, "")
    assert launched(root)[1] == ["b"]
    assert (root / "log").read_text() == "a station.toml\n"


@pytest.mark.parametrize("script", ["exec sleep 100", "trap '' TERM; exec sleep 1"])
def test_an_agent_that_does_not_arm_in_time_is_ended(root: Path, script: str) -> None:
    agent(root, NEW, script)
    agent(root, OLD, "")
    assert launched(root, Limits(arm_s=0.2))[1] == ["b"]
    assert record(root).reason == "it was not armed within 0.2 s"


def test_an_agent_that_arms_and_dies_at_once_has_not_proven_itself(root: Path) -> None:
    agent(root, NEW, "cp {armed} {state}/state.json; exit 0")
    agent(root, OLD, "")
    write_record(root / "state", Record(trial=TRIAL_ID, starts=ATTEMPTS - 1))
    assert launched(root, Limits(arm_s=120.0, hold_s=60.0, again_s=0.0))[1] == ["b"]
    assert record(root).verdict == "failed"


def test_an_agent_that_stays_armed_has_proven_itself(root: Path) -> None:
    agent(root, NEW, UNTIL_PROVEN)
    assert launched(root) == (0, [])
    assert record(root).verdict == "proven"
    assert launched(root)[1] == ["a"], "and is no longer watched"


def test_starts_that_power_cuts_ended_are_counted(root: Path) -> None:
    agent(root, NEW, "exit 1")
    agent(root, OLD, "")
    write_record(root / "state", Record(trial=TRIAL_ID, starts=ATTEMPTS))
    assert launched(root)[1] == ["b"]
    assert not (root / "log").exists()
    assert record(root).reason == "it was started 3 times and never armed"


def built_as(root: Path, version: str) -> str:
    """A slot that was built from a wheel set of that version, on trial."""
    files = {"lineside": version, "pip": "1.0"}
    wheels = [
        Wheel(file=f"{name}-{one}-py3-none-any.whl", version=one, sha256="0" * 64, bytes=1)
        for name, one in files.items()
    ]
    text = WheelSet(name="agent-any", version=version, wheels=wheels).model_dump_json().encode()
    slot = sha256_hex(text)
    (root / "agent" / "slots" / slot).mkdir(parents=True)
    with Folder.open(root / "agent") as folder:
        AgentSlots(folder).finish(slot, text)
    trial = Trial(trial=TRIAL_ID, slot=slot, before=OLD)
    (root / "agent" / TRIAL).write_text(trial.model_dump_json())
    make_current(root, slot)
    return slot


def test_an_agent_of_another_version_has_not_proven_itself(root: Path) -> None:
    """It would be armed for as long as it takes."""
    slot = built_as(root, "7.1.0")
    agent(root, slot, """echo '{{"version":"7.0.0"}}' >{state}/running.json; """ + ARMS)
    agent(root, OLD, "")
    assert launched(root)[1] == ["b"]
    assert record(root).verdict == "failed"
    assert record(root).reason == "agent 7.0.0 runs, 7.1.0 was asked for"
    assert not (root / "state" / "running.json").exists(), "the one that runs now may say nothing"


@pytest.mark.parametrize(
    "said", ["""'{{"version":"7.1.0","colour":1}}'""", "{{"], ids=["the same", "nothing readable"]
)
def test_an_agent_of_the_version_that_was_asked_for_proves_itself(said: str, root: Path) -> None:
    slot = built_as(root, "7.1.0")
    (root / "state" / "running.json").write_text('{"version":"7.0.0"}')
    agent(root, slot, f"echo {said} >{{state}}/running.json; {UNTIL_PROVEN}")
    assert launched(root) == (0, [])
    assert record(root).verdict == "proven"


def test_the_version_asked_for_is_that_of_the_slot_on_trial(root: Path) -> None:
    """The link is moved while the trial goes on, as by a way back."""
    other, slot = built_as(root, "7.0.0"), built_as(root, "7.1.0")
    current = root / "agent" / "current"
    first = f"ln -sfn slots/{other} {current}; touch {{state}}/again; exit 1"
    says = """echo '{{"version":"7.1.0"}}' >{state}/running.json"""
    agent(root, slot, f"[ -e {{state}}/again ] || {{{{ {first}; }}}}; {says}; {UNTIL_PROVEN}")
    assert launched(root) == (0, [])
    assert record(root).verdict == "proven"


@pytest.mark.parametrize("text", [None, b"", b"{", b'{"version":"7.1.0"}', b"[]"])
def test_a_list_that_is_damaged_says_no_version(text: bytes | None, root: Path) -> None:
    """It keeps no agent from its proof."""
    slot = built_as(root, "7.1.0")
    assert slot_version(root, slot) == "7.1.0"
    listed = root / "agent" / "slots" / slot / "slot.json"
    listed.unlink()
    if text is not None:
        listed.write_bytes(text)
    assert slot_version(root, slot) == slot_version(root / "elsewhere", slot) == ""


def test_the_launcher_loads_no_library_that_may_be_broken() -> None:
    code = (
        "import sys, edge_agent.update.launcher\n"
        "print({'numpy', 'cv2', 'edge_agent.contracts.model.manifest'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_what_an_earlier_trial_came_to_does_not_count(root: Path) -> None:
    agent(root, NEW, UNTIL_PROVEN)
    write_record(root / "state", Record(trial="f" * 16, starts=ATTEMPTS, verdict="failed"))
    assert launched(root) == (0, [])
    assert record(root).verdict == "proven"


def test_a_start_that_cannot_be_counted_is_not_made(root: Path) -> None:
    agent(root, NEW, UNTIL_PROVEN)
    agent(root, OLD, "")
    (root / "state").rmdir()
    (root / "state").write_text("no folder")
    assert launched(root)[1] == ["b"]
    assert not (root / "log").exists()


@pytest.mark.parametrize("fault", ["no slot", "no python", "no folder", "trial damaged"])
def test_something_is_started_whatever_is_damaged(root: Path, fault: str) -> None:
    make_current(root, OLD)
    agent(root, OLD, "")
    wanted = "own"
    if fault == "no slot":
        (root / "agent" / "current").unlink()
    elif fault == "no python":
        (root / "agent" / "slots" / OLD / "bin" / "python").unlink()
    elif fault == "no folder":
        (root / "agent").rename(root / "elsewhere")
    else:
        (root / "agent" / TRIAL).write_bytes(b"\0")
        wanted = "b"
    assert launched(root) == (1, [wanted])


def test_the_one_before_may_be_the_launchers_own(root: Path) -> None:
    agent(root, NEW, "exit 2")
    trial = Trial(trial=TRIAL_ID, slot=NEW)
    (root / "agent" / TRIAL).write_text(trial.model_dump_json())
    assert launched(root)[1] == ["own"]


def test_an_agent_in_a_slot_finds_no_modules_elsewhere(root: Path) -> None:
    """Once on trial, as a child, and once proven, in the launcher's place."""
    agent(root, NEW, 'echo "$3:$PYTHONPATH" >>{state}/seen; ' + UNTIL_PROVEN)
    (root / "station.toml").write_text("")
    words = ["-m", "edge_agent", "launch", str(root / "station.toml"), "--hold", "0"]
    for _ in range(2):
        environment = os.environ | {"PYTHONPATH": "/another/agent"}
        subprocess.run([sys.executable, *words], check=True, timeout=60, env=environment)
    assert (root / "state" / "seen").read_text() == "edge_agent:\n" * 2


def test_a_service_manager_is_asked_for_time_while_the_trial_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would end an agent that says nothing long before the trial is over."""
    agent(root, NEW, UNTIL_PROVEN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(root / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(root / "notify"))
        (root / "station.toml").write_text("")
        assert main(["launch", str(root / "station.toml"), "--hold", "0"]) == 0
        assert manager.recv(100) == b"EXTEND_TIMEOUT_USEC=30000000"


SLOW_START = """
import subprocess, sys, time
from edge_agent.__main__ import main
start = subprocess.Popen
def late(*words, **given):
    child = start(*words, **given)
    time.sleep(2)
    return child
subprocess.Popen = late
sys.exit(main(sys.argv[1:]))
"""
"""The verb on a computer that gives the launcher no time after it has started the agent."""


@pytest.mark.parametrize(
    "program", [["-m", "edge_agent"], ["-c", SLOW_START]], ids=["watched", "just started"]
)
def test_a_persons_stop_is_passed_on_and_not_counted(program: list[str], root: Path) -> None:
    """By the verb, in a process of its own, which gets the signal."""
    agent(root, NEW, ARMS)
    config = root / "station.toml"
    config.write_text("")
    words = ["launch", str(config), "--hold", "1000"]
    launcher = subprocess.Popen([sys.executable, *program, *words])
    try:
        wait_until((root / "state" / "state.json").exists, 60)
        launcher.send_signal(signal.SIGTERM)
        assert launcher.wait(timeout=60) == 0
    finally:
        launcher.kill()
    assert (record(root).starts, record(root).verdict) == (0, "")
