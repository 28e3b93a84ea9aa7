"""A probation ends by what the station says of itself, and by time."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.update.journal import Journal
from edge_agent.update.state_word import STATE_JSON
from edge_agent.update.watches import TAKE_UP_S, Probation, by_person

JOURNAL = Journal(candidate="0" * 64, name="caps", version="1.1.0", probation_s=30.0)


class Story(ManualClock):
    """A clock at whose times the station says something else."""

    def __init__(self, folder: Path, story: dict[float, tuple[str, str, str]]) -> None:
        super().__init__()
        self._folder = folder
        self._story = story
        self._tell(0.0)

    def sleep_s(self, seconds: float) -> None:
        super().sleep_s(seconds)
        self._tell(self.mono_ns() / 1e9)

    def _tell(self, now_s: float) -> None:
        for at_s in [at_s for at_s in self._story if at_s <= now_s]:
            state, bundle, reason = self._story.pop(at_s)
            message = StateMessage(
                station="a", at_ns=0, state=state, reason=reason, bundles={"top": bundle}
            )
            (self._folder / STATE_JSON).write_text(message.model_dump_json())


NEW, OLD = "caps 1.1.0", "caps 1.0.0"


def test_a_station_that_decides_with_it_for_the_whole_time_has_proven_it(tmp_path: Path) -> None:
    clock = Story(tmp_path, {0: ("armed", OLD, ""), 2: ("armed", NEW, "")})
    assert Probation(tmp_path, clock)(JOURNAL)
    assert 32 <= clock.mono_ns() / 1e9 < 34


@pytest.mark.parametrize(
    ("story", "words", "at_s"),
    [
        ({0: ("armed", OLD, "")}, f"it decides with {OLD}", TAKE_UP_S),
        ({0: ("armed", OLD, "the new bundle is refused")}, "is refused", TAKE_UP_S),
        ({}, "no word from the station", TAKE_UP_S),
        ({2: ("armed", NEW, ""), 9: ("disarmed", NEW, "top: hangs")}, "disarmed: top: hangs", 9),
        ({2: ("armed", NEW, ""), 20: ("offline", NEW, "")}, "offline", 20),
    ],
    ids=["not taken up", "refused", "silent", "disarmed", "gone"],
)
def test_a_candidate_fails(
    story: dict[float, tuple[str, str, str]], words: str, at_s: float, tmp_path: Path
) -> None:
    clock = Story(tmp_path, story)
    with pytest.raises(BundleError, match=words):
        Probation(tmp_path, clock)(JOURNAL)
    assert at_s <= clock.mono_ns() / 1e9 <= at_s + 1


def test_no_probation_asks_nobody(tmp_path: Path) -> None:
    clock = Story(tmp_path, {})
    assert Probation(tmp_path, clock)(JOURNAL.model_copy(update={"probation_s": 0.0}))
    assert clock.mono_ns() == 0


def test_who_need_not_ask_a_person_does_not_wait() -> None:
    assert by_person(JOURNAL)
    assert not by_person(JOURNAL.model_copy(update={"by_person": True}))
