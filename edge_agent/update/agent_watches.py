"""When a new agent may be tried, and whether it has proven itself: the station's own word."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, DeviceError
from edge_agent.update.folder import Folder
from edge_agent.update.journal import Journal
from edge_agent.update.state_word import other_agent, read_state
from edge_agent.update.trial import AGENT, read_record, read_trial
from edge_agent.update.watches import LOOK_S

START_S = 300.0
"""An agent that sends what waits may take its time to end; then the launcher starts."""
WATCH_S = 600.0
"""After this the command ends, and `resume` asks again: the trial goes on without it."""
RESTART_S = 120


class Armed:
    """Lets a candidate pass while the station is armed and no person is to promote it."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def __call__(self, journal: Journal) -> bool:
        """Whether it may be tried now."""
        found = read_state(self._state_dir)
        return found is not None and found.state == "armed" and not journal.by_person


class LauncherWord:
    """Restarts the agent once, and waits for the launcher's verdict about the trial."""

    def __init__(
        self, root: Path, state_dir: Path, restart: Callable[[], None], clock: Clock
    ) -> None:
        self._root = root
        self._state_dir = state_dir
        self._restart = restart
        self._clock = clock

    def __call__(self, journal: Journal) -> bool:
        """Whether it is proven, False: not yet; raises BundleError where it was given up."""
        with Folder.open(self._root) as root, root.subfolder(AGENT) as folder:
            trial = read_trial(folder)
        begun_ns, asked = self._clock.mono_ns(), False
        while trial is not None:
            record = read_record(self._state_dir)
            passed_s = (self._clock.mono_ns() - begun_ns) / 1e9
            begun = record is not None and record.trial == trial.trial and record.starts > 0
            if record is not None and begun and record.verdict:
                return self._verdict(record.verdict, record.reason)
            if not begun and passed_s >= START_S:
                raise BundleError(
                    "the station's launcher did not start it",
                    where=f"{journal.name} {journal.version}",
                    cure="let the service run `lineside-agent launch`: `lineside-deploy unit`",
                )
            if not begun and not asked:
                self._restart()
                asked = True
            if passed_s >= WATCH_S:
                return False
            self._clock.sleep_s(LOOK_S)
        return False

    def _verdict(self, verdict: str, reason: str) -> bool:
        if verdict == "proven":
            return True
        raise BundleError(
            f"was given up by the launcher ({reason})",
            where="the new agent",
            cure="look at the station's log; the previous agent runs again",
        )


def refuse_other_agent(state_dir: Path, journal: Journal) -> None:
    """Raises BundleError where the agent that runs is not the journal's."""
    if fault := other_agent(state_dir, journal.version):
        raise BundleError(
            fault,
            where=f"{journal.name} {journal.version}",
            cure="look at the station's log, and at what starts its agent: `lineside-agent launch`",
        )


def restart_by(command: str) -> Callable[[], None]:
    """How to end the running agent so that its launcher starts anew; raises DeviceError."""

    def restart() -> None:
        try:
            done = subprocess.run(
                shlex.split(command), capture_output=True, timeout=RESTART_S, check=False
            )
            words = done.stderr.decode(errors="replace").strip()
        except (OSError, subprocess.TimeoutExpired) as error:
            words, code = str(error), 1
        else:
            code = done.returncode
        if code:
            raise DeviceError(
                f"the agent cannot be restarted ({words})",
                where=command,
                cure="name the command that restarts it with --restart",
            )

    return restart
