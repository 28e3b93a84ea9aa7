"""A job changes the bundles of a running line; what came in between does not pass."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.change_over import ChangeOver
from edge_agent.station.config import read_config
from edge_agent.station.job_watch import (
    ASKED,
    JobRequest,
    JobWatch,
    read_request,
    read_state,
    write_request,
)
from edge_agent.station.station import Station
from tests.station_kit import IMAGE_SPEC, wait_until, write_image_bundle, write_station

RECIPES = """
[[recipe]]
job = "bright"
[[recipe]]
job = "dark"
bundle = { top = "darkness.bundle" }
"""
CAMERA = 'driver = "simulated"\nseed = 3\nwidth_px = 160\nheight_px = 120\nrate_hz = 15\n'
DARK_IS_GOOD = IMAGE_SPEC.model_copy(update={"name": "darkness", "good": ["dark"]})


@contextmanager
def running(bench: Path, job: str = "") -> Iterator[tuple[Station, list[Decision]]]:
    """A station with both recipes at work."""
    write_image_bundle(bench / "darkness.bundle", spec=DARK_IS_GOOD)
    path = write_station(bench, CAMERA)
    path.write_text(path.read_text() + RECIPES)
    if job:
        write_request(bench / "state", JobRequest(job=job, request="first"))
    decisions: list[Decision] = []
    station = Station(read_config(path), clock=SystemClock(), output=decisions.append)
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    try:
        assert wait_until(lambda: decisions)
        yield station, decisions
    finally:
        stop.set()
        thread.join(30)


def judged_by(decisions: list[Decision], bundle: str) -> bool:
    return decisions[-1].channels[0].bundle.startswith(bundle) and not decisions[
        -1
    ].reason.startswith("change-over")


def test_job_changes_the_bundle_of_a_running_line(bench: Path) -> None:
    with running(bench) as (station, decisions):
        assert station.jobs.choose("dark") == ""
        assert wait_until(lambda: judged_by(decisions, "darkness"))
        before = len(decisions)
        assert station.jobs.choose("bright") == ""
        assert wait_until(lambda: judged_by(decisions[before:] or decisions, "brightness"))
    by_frame = {(d.part_id, d.channels[0].bundle.partition(" ")[0]): d for d in decisions}
    for (part_id, _), decision in by_frame.items():
        if decision.verdict == Verdict.NO_VERDICT:
            assert decision.reason.startswith("change-over to job"), (part_id, decision.reason)


def test_unknown_job_disarms_with_the_reason_and_nothing_passes(bench: Path) -> None:
    with running(bench) as (station, decisions):
        assert "did you mean" in station.jobs.choose("drak")
        assert wait_until(lambda: station.reason.startswith("job 'drak' is unknown"))
        assert wait_until(lambda: station.state == "disarmed")
        seen = len(decisions)
        assert wait_until(lambda: len(decisions) > seen + 5)
        assert Verdict.PASS not in {d.verdict for d in decisions[seen + 1 :]}
        station.jobs.choose("dark")
        assert wait_until(lambda: station.state == "armed" and judged_by(decisions, "darkness"))


def test_job_is_kept_over_a_restart(bench: Path) -> None:
    with running(bench, job="dark") as (_, decisions):
        assert judged_by(decisions, "darkness")
        assert wait_until(lambda: read_state(bench / "state") is not None)
        state = read_state(bench / "state")
        assert state is not None
        assert (state.job, state.active, state.request) == ("dark", True, "first")


def test_command_selects_a_job_and_shows_it(
    bench: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(act: str, *more: str) -> dict[str, object]:
        main(["job", act, str(bench / "station.toml"), *more, "--json"])
        answer: dict[str, object] = json.loads(capsys.readouterr().out)
        return answer

    with running(bench) as (_, decisions):
        answer = told("select", "dark")
        assert (answer["job"], answer["active"]) == ("dark", True)
        assert told("show")["job"] == "dark"
        assert wait_until(lambda: judged_by(decisions, "darkness"))
        refused = told("select", "lost")
        assert refused["active"] is False
        assert "is unknown" in str(refused["reason"])
    asked_in_vain = told("select", "dark", "--wait-s", "0.01")
    assert "when it starts" in str(asked_in_vain["reason"])


def test_damaged_request_is_an_error_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / ASKED).write_text("{")
    with pytest.raises(StorageError, match="job select"):
        read_request(tmp_path)


def test_choice_of_a_plc_reaches_the_file(tmp_path: Path) -> None:
    jobs = ChangeOver([], clock=SystemClock(), load=lambda *_: None, take_installed=lambda _: None)  # type: ignore[arg-type]
    watch = JobWatch(tmp_path, jobs, look_s=0.01)
    watch.start()
    assert "there is no recipe" in watch.choose("A")
    assert wait_until(lambda: (tmp_path / ASKED).exists())
    watch.stop()
    assert watch.load() == "A"


@pytest.mark.parametrize(
    ("recipes", "words"),
    [
        ('[[recipe]]\njob = "a"\n[[recipe]]\njob = "a"\n', "two recipes are of job 'a'"),
        ('[[recipe]]\njob = "a"\nbundle = { tpo = "x.bundle" }\n', "names no channel by 'tpo'"),
    ],
)
def test_wrong_recipes_are_refused(bench: Path, recipes: str, words: str) -> None:
    path = write_station(bench, CAMERA)
    path.write_text(path.read_text() + recipes)
    with pytest.raises(ConfigError, match=words):
        read_config(path)
