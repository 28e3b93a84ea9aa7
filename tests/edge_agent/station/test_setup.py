"""Commissioning from an empty folder: what is chosen, tried, learnt, shown, written and undone."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from edge_agent.capture.drivers import build_source
from edge_agent.capture.view import ViewTable
from edge_agent.cli.setup import ENGINEER
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Frame
from edge_agent.health.commissioning import read_commissioning
from edge_agent.station.build import arm_channel
from edge_agent.station.config import ImageChannel, read_config
from edge_agent.station.setup import Setup
from edge_agent.station.setup_camera import SetupCamera
from edge_agent.station.setup_draft import CHANNEL, Draft
from edge_agent.station.setup_page import SetupPage
from edge_agent.update.slots import install
from edge_agent.web.access import RefusedError
from edge_agent.web.api_commission import CommissionApi
from edge_agent.web.app import build_app
from edge_agent.web.commission import Choice, Setting
from edge_agent.web.config import WebTable
from edge_agent.web.updates import prove_bundle
from edge_agent.web.users import Role
from tests.conftest import Shared
from tests.page_kit import ADDRESS, PASSWORD
from tests.signing_kit import open_workshop
from tests.station_kit import wait_until

SOURCE: dict[str, Setting] = {
    "driver": "simulated", "width_px": 160, "height_px": 120, "defect_rate": 0.0, "rate_hz": 200,
}  # fmt: skip
BUNDLE = "station/bundles/brightness"
CHOICE = Choice(station="press-7", bundle=BUNDLE, source=SOURCE)
VIEW = {"left": 0.1, "top": 0.2, "width": 0.5, "height": 0.5, "turn_deg": 3.0}


@dataclass
class Bench:
    """An empty folder to which a bundle was pushed."""

    folder: Path
    records: list[tuple[object, ...]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    can_record: bool = True

    def __post_init__(self) -> None:
        self.started = threading.Event()
        self.path = self.folder / "station.toml"
        self.setup = Setup(
            Draft(self.path, {"enabled": True, "port": 8080}),
            clock=SystemClock(),
            record=self.record,
            show=self.frames.append,
            started=self.started,
        )

    def record(self, *words: object) -> bool:
        if self.can_record:
            self.records.append(words)
        return self.can_record


def push(folder: Path) -> None:
    workshop = open_workshop(folder / "workshop")
    install(workshop.signed(), folder / "station", prove_bundle, trust=workshop.public)


@pytest.fixture
def bench(tmp_path: Path, shared: Shared) -> Iterator[Bench]:
    folder = tmp_path / "empty"
    pushed = shared("pushed-brightness", push) / "station"
    shutil.copytree(pushed, folder / "station", symlinks=True)
    made = Bench(folder)
    yield made
    made.setup.close()


def test_nothing_is_written_before_it_was_shown_and_everything_is_undone(bench: Bench) -> None:
    setup = bench.setup
    assert setup.view().bundles == [BUNDLE]
    setup.choose(CHOICE)
    shown = setup.view().difference
    assert "+id = " in shown
    assert 'driver = "simulated"' in shown
    assert not bench.path.exists()
    setup.write("eva")
    assert setup.view().difference == ""
    config = read_config(bench.path)
    assert config.station.id == "press-7"
    assert config.channel[0].name == CHANNEL
    assert config.web.enabled
    setup.undo("eva")
    assert not bench.path.exists()
    assert [row[:2] for row in bench.records] == [
        ("eva", "station.toml"),
        ("eva", "station.toml undone"),
    ]


def test_a_view_is_written_and_taken_away_again(bench: Bench) -> None:
    setup = bench.setup
    setup.choose(CHOICE.model_copy(update={"view": VIEW}))
    setup.write("eva")
    channel = read_config(bench.path).channel[0]
    assert isinstance(channel, ImageChannel)
    assert channel.view == ViewTable(**VIEW)
    trigger: dict[str, Setting] = {"driver": "part_in_view", "channel": CHANNEL}
    assert setup.check(CHOICE.model_copy(update={"trigger": trigger})).faults == []
    setup.choose(CHOICE)
    setup.write("eva")
    assert "view" not in bench.path.read_text()


def test_a_fault_of_a_choice_is_told_before_it_is_chosen(bench: Bench) -> None:
    assert bench.setup.check(CHOICE).faults == []
    (wrong,) = bench.setup.check(CHOICE.model_copy(update={"view": {"width": 2.0}})).faults
    assert (wrong.part, wrong.place, wrong.bound) == ("view", ["width"], "1")
    (whole,) = bench.setup.check(CHOICE.model_copy(update={"bundle": "station"})).faults
    assert (whole.part, whole.text) == ("", "no such bundle: push it, or choose one")
    assert {form.driver for form in bench.setup.forms().trigger} >= {"gpio", "part_in_view"}
    assert bench.setup.view().choice is None


def test_what_the_file_has_already_stays(bench: Bench) -> None:
    bench.path.write_text(
        f'[station]\nid = "old"\nsafe_action = "stop"\n[line]\ndeadline_ms = 321\n'
        f'[[channel]]\nname = "side"\nkind = "image"\nbundle = "{BUNDLE}"\n'
        '[channel.source]\ndriver = "simulated"\n'
    )
    before = bench.path.read_text()
    bench.setup.choose(CHOICE)
    bench.setup.write("eva")
    config = read_config(bench.path)
    assert [channel.name for channel in config.channel] == ["side", CHANNEL]
    assert (config.station.safe_action, config.line.deadline_ms) == ("stop", 321)
    bench.setup.undo("eva")
    assert bench.path.read_text() == before


def test_a_choice_that_is_typed_meanwhile_is_not_the_one_that_acts(tmp_path: Path) -> None:
    """The page asks what is wrong with a choice at every key, in threads of its own."""
    (tmp_path / BUNDLE).mkdir(parents=True)
    draft = Draft(tmp_path / "station.toml", {})
    names = [f"press-{k}" for k in range(60)]
    with ThreadPoolExecutor(4) as threads:
        asked = (CHOICE.model_copy(update={"station": name}) for name in names)
        found = [config.station.id for _, config in threads.map(draft.channel, asked)]
    assert found == names


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bundle": "../../etc"}, "no such bundle"),
        ({"source": {"driver": "simulatd"}}, "simulated"),
        ({"source": {"driver": "simulated", "rate": 5}}, "rate_hz"),
        ({"output": {"driver": "simulated", "histry": 5}}, "history"),
    ],
    ids=["bundle", "driver", "key", "output"],
)
def test_a_choice_that_is_no_station_is_refused_with_the_cure(
    bench: Bench, change: dict[str, object], word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        bench.setup.choose(CHOICE.model_copy(update=change))
    assert bench.setup.view().choice is None
    assert [path.name for path in bench.folder.iterdir()] == ["station"]


def test_the_camera_shows_its_picture_and_its_gauges_until_it_is_released(bench: Bench) -> None:
    setup = bench.setup
    with pytest.raises(RefusedError, match="nothing is chosen"):
        setup.live(on=True)
    setup.choose(CHOICE)
    setup.live(on=True)
    assert wait_until(lambda: setup.view().gauge)
    gauge = setup.view().gauge
    assert gauge is not None
    assert gauge.size == "160x120"
    assert 0 < gauge.sharpness <= 1
    setup.live(on=False)
    count = len(bench.frames)
    assert not setup.view().is_live
    assert count > 0
    assert len(bench.frames) == count


def test_a_source_that_ends_is_told(bench: Bench) -> None:
    bench.setup.choose(CHOICE.model_copy(update={"source": {**SOURCE, "parts": 1}}))
    bench.setup.live(on=True)
    assert wait_until(lambda: bench.setup.view().fault)
    assert "ended" in bench.setup.view().fault


def test_trigger_and_output_are_tried_and_the_output_test_is_recorded(bench: Bench) -> None:
    table: dict[str, str | int | float | bool] = {"driver": "simulated"}
    setup = bench.setup
    setup.choose(CHOICE.model_copy(update={"output": table}))
    with pytest.raises(ConfigError, match="no trigger"):
        setup.try_trigger()
    pressed = setup.press("eva", "reject")
    assert (pressed.commanded, pressed.read_back) == ("reject", "reject")
    assert bench.records == [("eva", "output test", {}, {"action": "reject"})]
    setup.choose(CHOICE.model_copy(update={"trigger": {**table, "rate_hz": 50}}))
    setup.live(on=True)
    found = setup.try_trigger()
    assert found.events == 3
    assert found.first_s is not None
    assert setup.view().is_live, "as it was before"
    with pytest.raises(ConfigError, match="no output"):
        setup.press("eva", "accept")


def test_good_parts_are_learnt_with_progress_and_the_limits_are_shown(bench: Bench) -> None:
    setup = bench.setup
    setup.choose(CHOICE.model_copy(update={"source": {**SOURCE, "rate_hz": 0}}))
    setup.learn(120)
    with pytest.raises(RefusedError, match="being learnt"):
        setup.live(on=True)
    assert wait_until(lambda: not setup.view().is_learning, 60)
    view = setup.view()
    assert view.fault == ""
    assert (view.learning, view.wanted) == (120, 120)
    assert {"light", "focus"} <= {limit.name for limit in view.limits}
    learned = read_commissioning(bench.folder / "commissioning.json").channels
    assert learned[CHANNEL].parts == 120
    setup.choose(CHOICE.model_copy(update={"view": VIEW}))
    view = setup.view()
    assert (view.limits, view.learning, view.wanted) == ([], 0, 0)
    assert "learn again" in view.remarks[0]
    setup.write("eva")
    with pytest.raises(ConfigError, match="other settings of its camera or view"):
        setup.start("eva")
    config = read_config(bench.path)
    with pytest.raises(ConfigError, match="other settings of its camera or view"):
        arm_channel(config.channel[0], config, SystemClock())
    assert not bench.started.is_set()
    setup.choose(CHOICE)
    setup.write("eva")
    setup.start("eva")


def test_the_line_starts_only_from_a_written_file(bench: Bench) -> None:
    bench.setup.choose(CHOICE)
    with pytest.raises(RefusedError, match="not written"):
        bench.setup.start("eva")
    bench.setup.write("eva")
    bench.setup.start("eva")
    assert bench.started.is_set()


def test_every_operation_needs_an_engineer_and_a_fault_is_told_whole(bench: Bench) -> None:
    table = WebTable(enabled=True, users_file=bench.folder / "users.json")
    page = SetupPage(
        bench.path, table, clock=SystemClock(), record=bench.record, started=bench.started
    )
    rows = CommissionApi(page.page.rooms).operations()
    assert {row.role for row in rows} == {Role.ENGINEER}
    assert ENGINEER in list(Role)
    by_name = {row.name: row for row in rows}
    assert page.setup.devices().devices[-1].driver == "simulated"
    caller = type("Caller", (), {"name": "eva"})()
    wrong = CHOICE.model_copy(update={"source": {"driver": "simulated", "rate": 1}})
    with pytest.raises(RefusedError, match="rate_hz") as error:
        by_name["commissionChoose"].run(None, caller, wrong)
    assert error.value.status == 409
    page.close()


def test_a_stranger_and_a_lesser_role_get_nothing_of_commissioning(bench: Bench) -> None:
    table = WebTable(enabled=True, users_file=bench.folder / "users.json")
    page = SetupPage(
        bench.path, table, clock=SystemClock(), record=bench.record, started=bench.started
    )
    page.users.add("quinn", Role.QUALITY, PASSWORD)
    app = build_app(page.page.rooms)
    browser = TestClient(app, base_url=ADDRESS, follow_redirects=False)
    rows = CommissionApi(page.page.rooms).operations()
    assert browser.get("/commission").status_code == 303
    assert {browser.request(row.method, row.path, json={}).status_code for row in rows} == {401}
    browser.post("/api/login", json={"name": "quinn", "password": PASSWORD})
    browser.headers["X-CSRF-Token"] = browser.get("/api/me").json()["csrf"]
    assert browser.get("/commission").status_code == 403
    assert {browser.request(row.method, row.path, json={}).status_code for row in rows} == {403}
    assert not bench.records
    assert not bench.started.is_set()
    page.close()


def test_a_camera_that_is_closed_twice_is_closed(bench: Bench) -> None:
    channel, config = Draft(bench.path, {}).channel(CHOICE)
    source = build_source("image", channel.source, name=CHANNEL, clock=SystemClock())
    camera = SetupCamera(source, bench.frames.append, clock=SystemClock())
    camera.open()
    camera.close()
    camera.close()
    assert config.channel
