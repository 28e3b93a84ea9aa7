"""The integrator commissions the simulated line, from an empty folder to armed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab

from benchmarks.brokers import free_port
from edge_agent.station.config import ImageChannel, read_config
from edge_agent.update.slots import install
from edge_agent.web.updates import prove_bundle
from tests.browser_kit import IN_CHROMIUM, Seen
from tests.contrast_kit import low_contrasts
from tests.signing_kit import open_workshop
from tests.station_kit import wait_until

pytestmark = IN_CHROMIUM

SOURCE = {"rate_hz": "20", "width_px": "320", "height_px": "240", "defect_rate": "0"}


@dataclass
class Commissioning:
    """`lineside-agent setup` in an empty folder to which a bundle was pushed."""

    folder: Path
    address: str
    password: str


@pytest.fixture
def commissioning(tmp_path: Path) -> Iterator[Commissioning]:
    workshop = open_workshop(tmp_path / "workshop")
    folder = tmp_path / "empty"
    folder.mkdir()
    install(workshop.signed(), folder / "station", prove_bundle, trust=workshop.public)
    words = [sys.executable, "-m", "edge_agent", "setup", "station.toml"]
    log = tmp_path / "log"
    with log.open("wb") as stream:
        program = subprocess.Popen(
            [*words, "--port", str(free_port())], cwd=folder, stderr=stream, stdout=stream
        )
    try:
        told = wait_for(log, r"commission the station at (\S+)commission")
        yield Commissioning(folder, told, wait_for(log, r"password (\S+)"))
    finally:
        program.terminate()
        program.wait(90)
    assert program.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def wait_for(log: Path, pattern: str) -> str:
    found: list[str] = []

    def looks() -> bool:
        found.extend(re.findall(pattern, log.read_text()))
        return bool(found)

    assert wait_until(looks, 90), log.read_text()
    return found[0]


def test_from_an_empty_folder_to_armed(commissioning: Commissioning, tabs: Seen) -> None:
    seen, tab = tabs, tabs.tab
    seen.address = commissioning.address
    seen.log_in("engineer", commissioning.password)
    seen.open("commission")
    tab.fill("#station", "press-7")
    tab.wait_for_selector("#camera option:has-text('simulated line')", state="attached")
    the_form_is_of_the_selected_camera(tab)
    faults_beside_no_field_are_told(tab)
    tab.select_option("#camera", label="simulated line  (simulated)")
    unfold(tab, "#source")
    for name, value in SOURCE.items():
        tab.fill(f"#source-{name}", value)
    tab.select_option("#output-driver", "simulated")
    a_fault_stands_beside_its_field(tab)
    tab.click("#choose")
    tab.wait_for_selector("#chosen:has-text('simulated')")
    tab.click("#show")
    tab.wait_for_selector("#light-said:has-text('good')")
    picture = tab.locator("#live")
    assert wait_until(lambda: picture.evaluate("(image) => image.naturalWidth") == 320)
    assert seen.small_targets() == []
    assert low_contrasts(tab)[1] == []
    the_view_is_drawn(tab)
    seen.shot("commission-live")
    tab.click("#reject")
    tab.click("#move-yes")
    tab.wait_for_selector("#output-said:has-text('reject')")
    tab.fill("#parts", "120")
    tab.click("#learn")
    tab.wait_for_selector("#limits tbody tr")
    assert 'id = "press-7"' in tab.inner_text("#difference")
    assert not (commissioning.folder / "station.toml").exists()
    tab.click("#write")
    tab.wait_for_selector("#start:not([disabled])")
    seen.shot("commission-written")
    tab.click("#start")
    tab.wait_for_selector("[name=password]")  # the line runs in a program that knows no session
    seen.errors.clear()  # while it started nobody answered
    seen.log_in("engineer", commissioning.password)
    tab.wait_for_selector("#verdict[data-verdict]:not([data-verdict=''])")
    tab.wait_for_selector("#lights li:has-text('Station').ok")
    seen.shot("commission-armed")
    config = read_config(commissioning.folder / "station.toml")
    assert config.station.id == "press-7"
    channel = config.channel[0]
    assert isinstance(channel, ImageChannel)
    assert channel.view is not None
    assert channel.view.turn_deg == 0.5
    assert channel.view.width == pytest.approx(0.75, abs=0.02)
    assert channel.view.left == pytest.approx(0.01, abs=0.005)
    assert (commissioning.folder / "commissioning.json").exists()
    assert seen.is_clean()


def unfold(tab: Tab, form: str) -> None:
    for more in tab.locator(f"{form} details:not([open]) > summary").all():
        more.click()


def the_form_is_of_the_selected_camera(tab: Tab) -> None:
    """As the page opens, before anybody chose one."""
    tab.wait_for_function("document.getElementById('able').textContent")
    driver = tab.input_value("#source-driver")
    assert tab.locator("#camera option:checked").inner_text().endswith(f"({driver})")


def faults_beside_no_field_are_told(tab: Tab) -> None:
    """Those of a setting whose name only begins as one of the form, and those in a table."""
    places = [["rate_hz"], ["rate_hz_max"], ["size", "0"], ["box", "depth"], ["box", "deep"]]
    told = tab.evaluate(
        """async (places) => {
            const { SettingsForm } = await import("/static/form.js");
            const field = { required: true, help: "", least: null, most: null, default: null };
            const fields = [
              { ...field, name: "rate_hz", kind: "number" },
              { ...field, name: "size", kind: "numbers" },
              { ...field, name: "box", kind: "table", fields: [
                { ...field, name: "depth", kind: "number" }] }];
            const form = new SettingsForm(document.createElement("div"), {}, () => {});
            form.offer([{ driver: "one", fields }], (help) => help, "", {});
            form.show({ driver: "one" });
            return form.others(places.map((place) => ({ place }))).map(({ place }) => place);
        }""",
        places,
    )
    assert told == [["rate_hz_max"], ["box", "deep"]]


def a_fault_stands_beside_its_field(tab: Tab) -> None:
    """While it is typed; and what is wrong is not chosen."""
    tab.fill("#source-rate_hz", "-5")
    fault = tab.locator("#source-rate_hz-fault")
    fault.wait_for()
    assert "at least 0" in fault.inner_text()
    tab.click("#choose")
    assert tab.evaluate("document.activeElement.id") == "source-rate_hz"
    assert not tab.inner_text("#chosen")
    tab.fill("#source-rate_hz", "20")
    fault.wait_for(state="hidden")
    tab.fill("#station", "press 7")
    tab.locator("#station-fault").wait_for()
    tab.fill("#station", "press-7")
    tab.locator("#station-fault").wait_for(state="hidden")


def the_view_is_drawn(tab: Tab) -> None:
    """By its corner with the pointer, then by the keyboard; then it is chosen."""
    tab.locator("#boxes").scroll_into_view_if_needed()
    corner = tab.locator(".box.view [data-grip=se]").bounding_box()
    whole = tab.locator("#boxes").bounding_box()
    assert corner is not None
    assert whole is not None
    tab.mouse.move(corner["x"] + corner["width"] / 2 - 2, corner["y"] + corner["height"] / 2 - 2)
    tab.mouse.down()
    at = whole["x"] + 0.75 * whole["width"], whole["y"] + 0.5 * whole["height"]
    tab.mouse.move(*at, steps=4)
    tab.mouse.up()
    assert float(tab.input_value("[data-part=width]")) == pytest.approx(75, abs=2)
    assert float(tab.input_value("[data-part=height]")) == pytest.approx(50, abs=2)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("]")
    tab.click("#choose")
    tab.wait_for_selector("#difference:has-text('turn_deg = 0.5')")
    tab.wait_for_selector("#light-said:has-text('good')")
