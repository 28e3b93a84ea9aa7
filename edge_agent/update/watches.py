"""When a candidate has proven itself: what a person said, and what the running station says."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.update.bundle_update import Station
from edge_agent.update.journal import Journal
from edge_agent.update.shadow_tally import read_tally
from edge_agent.update.slots import SelfTest
from edge_agent.update.state_word import read_state

TAKE_UP_S = 60.0
"""Within this time a running station has taken a bundle up, or the old one comes back."""
LOOK_S = 0.5


def by_person(journal: Journal) -> bool:
    """Whether nobody need promote the candidate (`promoted` is asked before)."""
    return not journal.by_person


def watched_station(
    root: Path,
    self_test: SelfTest,
    clock: Clock,
    state_dir: Path,
    source: Path | bytes | None = None,
) -> Station:
    """A station whose candidates prove themselves by its running agent and by persons."""
    return Station(
        root,
        self_test,
        clock,
        shadow=ShadowGate(state_dir),
        promotion=by_person,
        probation=Probation(state_dir, clock),
        source=source,
    )


class ShadowGate:
    """Judges a candidate by the tally that the agent writes while both judge the same items."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    def __call__(self, journal: Journal) -> bool:
        """Whether the gate lets it pass; raises BundleError where the gate refuses it."""
        if journal.shadow is None:
            return True
        tally = read_tally(self._state_dir, journal.name)
        if tally is None or tally.manifest not in (journal.manifest, journal.slot):
            return False
        counts = (
            f"{tally.disagreed} of {tally.items} items decided otherwise, {tally.late} too late"
        )
        verdict = journal.shadow.judge(tally.items, tally.bad)
        if tally.fault or verdict == "refuse":
            raise BundleError(
                f"failed in the shadow ({tally.fault or counts})",
                where=f"{journal.name} {journal.version}",
                cure="look at the evidence of the cause `shadow`; label it, and train again",
            )
        return verdict == "promote"


class Probation:
    """Watches the station's own word after the switch, in STATE_DIR/state.json.

    The candidate fails where the station has not taken it up within TAKE_UP_S, refuses it, or is
    disarmed. It has proven itself once the station has been armed with it for `probation_s`.
    """

    def __init__(self, state_dir: Path, clock: Clock, *, take_up_s: float = TAKE_UP_S) -> None:
        self._state_dir = state_dir
        self._clock = clock
        self._take_up_s = take_up_s

    def __call__(self, journal: Journal) -> bool:
        """Wait until one or the other is known; raises BundleError for a failure."""
        title = f"{journal.name} {journal.version}"
        begun_ns, armed_ns = self._clock.mono_ns(), 0
        while journal.probation_s:
            now_ns = self._clock.mono_ns()
            message = read_state(self._state_dir)
            fault = _fault(message, title)
            if not fault:
                armed_ns = armed_ns or now_ns
                if now_ns - armed_ns >= journal.probation_s * 1e9:
                    return True
            elif armed_ns or now_ns - begun_ns >= self._take_up_s * 1e9:
                raise BundleError(
                    f"failed its probation ({fault})",
                    where=title,
                    cure="look at the station's log; the previous bundle is current again",
                )
            self._clock.sleep_s(LOOK_S)
        return True


def _fault(message: StateMessage | None, title: str) -> str:
    """Why the station does not decide with the bundle `title`; empty where it does."""
    if message is None:
        return "no word from the station"
    if message.state != "armed":
        return f"{message.state}: {message.reason}"
    if title not in message.bundles.values():
        return message.reason or f"it decides with {', '.join(message.bundles.values())}"
    return ""
