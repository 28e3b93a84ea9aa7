"""A controller over two hundred stations that are kept in a table, and deaths of the controller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.rollout.controller import Controller
from deploy.rollout.inventory import cut_groups
from deploy.rollout.journal import (
    Rollout,
    StationProgress,
    read_rollout,
    write_rollout,
    write_wish,
)
from deploy.rollout.transport import UnreachedError
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError, StorageError

NAMES = [f"s{k:03d}" for k in range(200)]


class Death(BaseException):
    """The controller's process is gone."""


@dataclass
class Plant:
    """What every station has; bad: stations on which the release fails and returns by itself.

    silent: the connection is lost while they update; absent: they are never reached.
    """

    bad: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    has: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, "1.0.0"))
    touched: list[str] = field(default_factory=list)
    die_after: int | None = None
    at_once = 8

    def open(self) -> None:
        """As a transport is."""

    def close(self) -> None:
        """As a transport is."""

    def update(self, name: str) -> str:
        if self.die_after is not None and len(self.touched) >= self.die_after:
            raise Death
        self.touched.append(name)
        if name in self.absent:
            raise UnreachedError("cannot be reached", where=name)
        if name in self.silent:
            self.has[name] = "1.1.0"
            raise DeviceError("cannot be reached", where=name)
        if name in self.bad:
            return "failed its probation"
        self.has[name] = "1.1.0"
        return ""

    def version(self, name: str) -> str:
        return self.has[name]

    def go_back(self, name: str, had: str) -> str:
        if name in self.silent | self.absent:
            raise DeviceError("cannot be reached", where=name)
        self.has[name] = had or "1.0.0"
        return ""

    @property
    def new(self) -> int:
        return list(self.has.values()).count("1.1.0")


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., Path]:
    def begun(**given: object) -> Path:
        rollout = Rollout.model_validate(
            {
                "bundle": "caps-1.1.0.bundle",
                "bundle_sha256": "0" * 64,
                "title": "caps 1.1.0",
                "name": "caps",
                "groups": cut_groups(NAMES, "1,10,50,100%"),
                "stations": {name: StationProgress() for name in NAMES},
                "max_failures": 0.02,
                "per_minute": 6000.0,
                "probation_s": 0.0,
                "ask": False,
                **given,
            }
        )
        write_rollout(tmp_path, rollout)
        return tmp_path

    return begun


def controller(folder: Path, plant: Plant, clock: ManualClock | None = None) -> Controller:
    return Controller(folder, plant, clock or ManualClock())


def test_a_good_release_reaches_every_station_in_the_order_of_groups(
    begin: Callable[..., Path],
) -> None:
    plant = Plant()
    assert controller(begin(), plant).run().phase == "done"
    assert plant.new == len(NAMES)
    assert plant.touched[0] == NAMES[0]
    assert set(plant.touched[:10]) == set(NAMES[:10])
    assert sorted(plant.touched) == NAMES


def test_a_bad_release_touches_the_first_group_alone(begin: Callable[..., Path]) -> None:
    plant = Plant(bad=set(NAMES))
    rollout = controller(begin(), plant).run()
    assert (rollout.phase, plant.touched, plant.new) == ("failed", NAMES[:1], 0)
    assert "1 failed, first s000: failed its probation" in rollout.reason


def test_too_many_failures_take_everybody_back(begin: Callable[..., Path]) -> None:
    plant = Plant(bad={NAMES[20], NAMES[21]})
    rollout = controller(begin(), plant).run()
    assert (rollout.phase, plant.new) == ("failed", 0)
    assert len(plant.touched) < 50
    assert len(rollout.names("waiting")) == len(NAMES) - len(plant.touched)
    reasons = {name: rollout.stations[name].reason for name in (NAMES[0], NAMES[20], NAMES[199])}
    assert list(reasons.values()) == ["taken back", "failed its probation", ""]


def test_each_station_returns_to_what_it_had(begin: Callable[..., Path]) -> None:
    plant = Plant(bad={NAMES[20], NAMES[21]})
    plant.has |= {NAMES[0]: "0.9.0", NAMES[5]: "1.1.0"}
    assert controller(begin(), plant).run().phase == "failed"
    assert (plant.has[NAMES[0]], plant.has[NAMES[5]], plant.new) == ("0.9.0", "1.1.0", 1)


def test_a_failure_within_the_limit_is_reported_and_no_more(begin: Callable[..., Path]) -> None:
    plant = Plant(bad={NAMES[150]})
    rollout = controller(begin(), plant).run()
    assert (rollout.phase, rollout.names("failed")) == ("done", [NAMES[150]])
    assert plant.new == len(NAMES) - 1


@pytest.mark.parametrize("after", [0, 1, 5, 10, 33, 60, 199])
def test_a_controller_that_died_goes_on_where_it_was(
    after: int, begin: Callable[..., Path]
) -> None:
    folder, plant = begin(), Plant(die_after=after)
    with pytest.raises(Death):
        controller(folder, plant).run()
    plant.die_after = None
    assert controller(folder, plant).run().phase == "done"
    assert plant.new == len(NAMES)
    assert len(plant.touched) <= len(NAMES) + 8, "only what was at work is begun again"


def test_the_way_back_is_tried_until_every_station_is_back(begin: Callable[..., Path]) -> None:
    folder, plant = begin(max_failures=0.0), Plant(bad={NAMES[9]})
    plant.silent = {NAMES[3]}
    plant.has[NAMES[3]] = "1.1.0"
    rollout = read_rollout(folder).with_stations({NAMES[3]: ("done", "")})
    write_rollout(folder, rollout.with_stations({NAMES[0]: ("done", "")}))
    rollout = controller(folder, plant).run()
    assert (rollout.phase, rollout.names("returning")) == ("returning", [NAMES[3]])
    plant.silent = set()
    assert controller(folder, plant).run().phase == "failed"
    assert plant.new == 0


def test_a_station_whose_connection_was_lost_is_tried_until_it_is_back(
    begin: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plant = begin(), Plant(silent={NAMES[0]})
    rollout = controller(folder, plant).run()
    assert (rollout.phase, rollout.names("returning")) == ("returning", [NAMES[0]])
    lost = "s000: cannot be reached"
    assert rollout.stations[NAMES[0]].reason == f"{lost}; not back yet: {lost}"
    assert main(["rollout", "status", "--folder", str(folder)]) == 1
    assert f"s000: returning: {lost}; not back yet: {lost}\n" in capsys.readouterr().out
    again = controller(folder, plant).run()
    assert again.stations == rollout.stations, "a reason does not grow"
    plant.silent = set()
    rollout = controller(folder, plant).run()
    assert (rollout.phase, plant.new) == ("failed", 0)
    assert (rollout.names("returned"), rollout.stations[NAMES[0]].reason) == ([NAMES[0]], lost)


def test_a_station_that_was_never_reached_has_nothing_to_return_from(
    begin: Callable[..., Path],
) -> None:
    plant = Plant(absent={NAMES[0]})
    rollout = controller(begin(), plant).run()
    assert (rollout.phase, rollout.names("failed")) == ("failed", [NAMES[0]])


def test_a_station_that_an_earlier_try_reached_is_taken_back_when_it_answers_again(
    begin: Callable[..., Path],
) -> None:
    plant, lost = Plant(), NAMES[0]
    rows = {name: StationProgress() for name in NAMES}
    folder = begin(stations={**rows, lost: StationProgress(progress="begun", had="1.0.0")})
    plant.has[lost] = "1.1.0"  # the controller died after it had sent the release
    plant.absent.add(lost)
    assert controller(folder, plant).run().stations[lost].progress == "returning"
    plant.absent.clear()
    assert controller(folder, plant).run().phase == "failed"
    assert plant.new == 0


def test_stop_ends_a_way_back_and_names_who_is_not_back(begin: Callable[..., Path]) -> None:
    folder, plant = begin(), Plant(silent={NAMES[0]})
    controller(folder, plant).run()
    assert main(["rollout", "stop", "--folder", str(folder), "--json"]) == 1
    rollout = controller(folder, plant).run()
    assert (rollout.phase, rollout.names("returning")) == ("failed", [NAMES[0]])
    assert "1 are not back, first s000" in rollout.reason


def test_each_group_waits_for_approval(begin: Callable[..., Path]) -> None:
    folder, plant = begin(ask=True), Plant()
    for total in (1, 10, 50, 200):
        rollout = controller(folder, plant).run()
        assert plant.new == total
        assert rollout.phase == ("done" if total == 200 else "asking")
        write_rollout(folder, rollout.model_copy(update={"approved": rollout.group}))


@pytest.mark.parametrize(("wish", "phase"), [("pause", "paused"), ("stop", "stopped")])
def test_a_wish_is_obeyed_between_two_batches(
    wish: str, phase: str, begin: Callable[..., Path]
) -> None:
    folder, plant = begin(), Plant()
    update = plant.update

    def with_a_wish(name: str) -> str:
        if name == NAMES[30]:
            write_wish(folder, wish)  # type: ignore[arg-type]
        return update(name)

    plant.update = with_a_wish  # type: ignore[method-assign]
    assert controller(folder, plant).run().phase == phase
    assert 30 < plant.new < 50
    write_wish(folder, None)
    after = controller(folder, plant).run()
    assert (after.phase, plant.new == 200) == (
        ("done", True) if wish == "pause" else ("stopped", False)
    )


@pytest.mark.parametrize("phase", ["asking", "paused"])
def test_stop_ends_a_rollout_that_waits_for_a_person(
    phase: str, begin: Callable[..., Path]
) -> None:
    folder, plant = begin(phase=phase, ask=True), Plant()
    assert main(["rollout", "stop", "--folder", str(folder), "--json"]) == 0
    assert read_rollout(folder).phase == "stopped"
    assert controller(folder, plant).run().phase == "stopped"
    assert plant.new == 0


def test_stations_begin_at_the_rate_that_was_asked(begin: Callable[..., Path]) -> None:
    clock = ManualClock()
    controller(begin(per_minute=60.0), Plant(), clock).run()
    assert clock.mono_ns() == 199 * 10**9


def test_no_rollout_says_how_to_begin_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no rollout .*: begin one with"):
        read_rollout(tmp_path)
    (tmp_path / "rollout.json").write_text("{")
    with pytest.raises(StorageError, match="is damaged"):
        read_rollout(tmp_path)
