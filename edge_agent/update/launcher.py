"""Chooses the agent that runs, and brings the one before back: the launcher is never replaced.

The launcher belongs to the environment with which the station was set up. It starts the current
slot, or its own agent where there is none, and becomes that program. A slot on trial it starts as
a child and watches: one that is not armed in time, says another version than the slot's, or ends
three times before, is given up, and the launcher becomes the agent of before. Every start is
counted on disk before it is made.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.update.folder import Folder
from edge_agent.update.slot_links import CURRENT, SLOTS, linked_slot
from edge_agent.update.slot_version import slot_version
from edge_agent.update.state_table import ATTEMPTS
from edge_agent.update.state_word import STATE_JSON, forget_agent, other_agent, read_state
from edge_agent.update.trial import (
    AGENT,
    CONFIG_REFUSED,
    Record,
    Trial,
    read_record,
    read_trial,
    write_record,
)

LOG = logging.getLogger("lineside.update")

LOOK_S, END_S = 0.2, 30.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PATIENCE_S = 30.0
"""A service manager is asked for so much more time, again and again while a trial goes on."""
ELSEWHERE = frozenset({"PYTHONPATH", "PYTHONHOME"})
"""What would let a slot's Python run another agent's modules."""
Become = Callable[[list[str], dict[str, str]], object]
"""Runs a command with an environment, in this process's place; returns only where that fails."""


@dataclass(frozen=True)
class Limits:
    """arm_s: within which a slot on trial must be armed; hold_s: for how long it must stay so;
    again_s: before one that ended is started again."""

    arm_s: float = 150.0
    hold_s: float = 10.0
    again_s: float = 2.0


@dataclass(frozen=True)
class Choice:
    """A slot (None: the launcher's own agent), and its trial where it is on trial."""

    slot: str | None = None
    trial: Trial | None = None


def become(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Run `command` in the place of this process; raises OSError."""
    os.execve(command[0], command, environment)


class Launcher:
    """Starts the agent of the station folder `root` with the words `words` behind its verb.

    ask_for_time: tells a service manager that starting goes on, for so many seconds more.
    """

    def __init__(
        self,
        root: Path,
        state_dir: Path,
        words: list[str],
        clock: Clock,
        *,
        limits: Limits = Limits(),
        own: str = sys.executable,
        become: Become = become,
        ask_for_time: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._root = root
        self._state_dir = state_dir
        self._words = words
        self._clock = clock
        self._limits = limits
        self._own = own
        self._become = become
        self._ask_for_time = ask_for_time
        self._stopping = threading.Event()

    def run(self) -> int:
        """Become the agent, or watch one on trial; the exit code of the agent that ended."""
        choice = self.choose()
        if choice.trial is not None:
            code = self._try(choice.trial)
            if code is not None:
                return code
            choice = Choice(choice.trial.before)
        forget_agent(self._state_dir)
        for slot in (choice.slot, None):
            command = self._command(slot)
            try:
                self._become(command, _environment(slot))
            except OSError as error:
                LOG.error("%s cannot be started: %s", command[0], error)  # noqa: TRY400
            else:
                break
        return 1

    def choose(self) -> Choice:
        """What to start now; whatever is damaged, something is."""
        try:
            with (
                Folder.open(self._root, guarded=False) as root,
                root.subfolder(AGENT) as folder,
            ):
                slot, trial = linked_slot(folder, CURRENT), read_trial(folder)
        except (OSError, StorageError) as error:
            if not isinstance(error, FileNotFoundError):
                LOG.error("the launcher's own agent is started: %s", error)  # noqa: TRY400
            return Choice()
        if slot is None or trial is None or trial.slot != slot:
            return Choice(slot)
        record = self._record(trial)
        if record.verdict == "proven":
            return Choice(slot)
        if record.verdict == "failed":
            return Choice(trial.before)
        if record.starts >= ATTEMPTS:
            self._give_up(record, f"it was started {record.starts} times and never armed")
            return Choice(trial.before)
        return Choice(slot, trial)

    def _try(self, trial: Trial) -> int | None:
        """Watch the slot on trial; the exit code of a proven or stopped one, None: given up."""
        end_ns = self._clock.mono_ns() + self._limits.arm_s * 1e9
        while True:
            record = self._record(trial)
            counted = record.model_copy(update={"starts": record.starts + 1})
            if not self._write(counted):
                return None  # what cannot be counted is not started
            (self._state_dir / STATE_JSON).unlink(missing_ok=True)
            forget_agent(self._state_dir)
            code, reason = self._start(trial, counted, end_ns)
            if not reason:
                if self._record(trial).verdict != "proven":
                    self._write(record)  # a person ended it: this start does not count
                return code
            final = counted.starts >= ATTEMPTS or code == CONFIG_REFUSED
            if final or self._clock.mono_ns() >= end_ns:
                self._give_up(counted, reason)
                return None
            LOG.warning("agent on trial: %s; started again", reason)
            self._clock.sleep_s(self._limits.again_s)

    def _start(self, trial: Trial, record: Record, end_ns: float) -> tuple[int, str]:
        """Run the slot on trial to its end: exit code as a shell gives it, and why it failed."""
        # Of the slot on trial: the link may lead elsewhere by now.
        version = slot_version(self._root, trial.slot)
        try:
            with self._child(trial.slot) as agent:
                reason = self._watch(agent, version, record, end_ns)
        except OSError as error:
            return CONFIG_REFUSED, f"it cannot be started ({error})"
        code = agent.returncode
        return (code if code >= 0 else 128 - code), reason

    def _watch(
        self, agent: subprocess.Popen[bytes], version: str, record: Record, end_ns: float
    ) -> str:
        """Why the agent failed; empty once it has ended after its proof or by a person's word."""
        armed_ns, asked_ns, proven = 0, -math.inf, False
        while agent.poll() is None:
            now_ns = self._clock.mono_ns()
            if not proven and now_ns - asked_ns >= PATIENCE_S / 3 * 1e9:
                self._ask_for_time(PATIENCE_S)
                asked_ns = now_ns
            if not proven and (fault := other_agent(self._state_dir, version)):
                return fault
            armed_ns = (armed_ns or now_ns) if self._is_armed() else 0
            if not proven and armed_ns and now_ns - armed_ns >= self._limits.hold_s * 1e9:
                proven = self._write(record.model_copy(update={"verdict": "proven"}))
                armed_ns = 0  # where it cannot be written, it is tried after another hold
            if not proven and not armed_ns and now_ns >= end_ns and not self._stopping.is_set():
                return f"it was not armed within {self._limits.arm_s:g} s{self._own_word()}"
            self._clock.sleep_s(LOOK_S)
        if proven or self._stopping.is_set():
            return ""
        return f"it ended with exit code {agent.returncode} before it had proven itself"

    @contextmanager
    def _child(self, slot: str) -> Iterator[subprocess.Popen[bytes]]:
        """The agent of a slot as a child, which gets our signals and is ended at last."""
        environment = _environment(slot)
        environment.pop("WATCHDOG_PID", None)
        started: list[subprocess.Popen[bytes]] = []

        def pass_on(number: int, _: object) -> None:
            self._stopping.set()
            for agent in started:
                if agent.poll() is None:
                    agent.send_signal(number)

        # Before it starts: a stop in the moment after would leave it behind, alone.
        before = {one: signal.signal(one, pass_on) for one in SIGNALS}
        try:
            started.append(subprocess.Popen(self._command(slot), env=environment))
            if self._stopping.is_set():
                started[0].terminate()
            yield started[0]
        finally:
            for agent in started:
                _end(agent)
            for one, handler in before.items():
                signal.signal(one, handler)

    def _command(self, slot: str | None) -> list[str]:
        python = self._own if slot is None else str(self._slot(slot) / "bin" / "python")
        return [python, "-P", "-m", "edge_agent", "run", *self._words]

    def _slot(self, slot: str) -> Path:
        return self._root / AGENT / SLOTS / slot

    def _is_armed(self) -> bool:
        state = read_state(self._state_dir)
        return state is not None and state.state == "armed"

    def _own_word(self) -> str:
        state = read_state(self._state_dir)
        return f" ({state.state}: {state.reason})" if state is not None else ""

    def _record(self, trial: Trial) -> Record:
        found = read_record(self._state_dir)
        ours = found is not None and found.trial == trial.trial
        return found if found is not None and ours else Record(trial=trial.trial)

    def _give_up(self, record: Record, reason: str) -> None:
        LOG.error("the new agent is given up: %s; the one before is started", reason)
        self._write(record.model_copy(update={"verdict": "failed", "reason": reason}))

    def _write(self, record: Record) -> bool:
        try:
            write_record(self._state_dir, record)
        except StorageError as error:
            LOG.error("the trial of the agent is not recorded: %s", error)  # noqa: TRY400
            return False
        return True


def _environment(slot: str | None) -> dict[str, str]:
    """Ours; an agent in a slot finds its modules there and nowhere else."""
    left_out = ELSEWHERE if slot is not None else frozenset()
    return {key: text for key, text in os.environ.items() if key not in left_out}


def _end(agent: subprocess.Popen[bytes]) -> None:
    """End the agent in order, and with force where it does not obey."""
    if agent.poll() is None:
        agent.terminate()
        try:
            agent.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            agent.kill()
    agent.wait()
