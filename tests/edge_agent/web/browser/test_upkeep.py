"""Golden parts, bundles and the machine, as quality and the engineer see them."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.state import MeasuredRuntime, RuntimeInUse, StateMessage
from edge_agent.update.slots import install
from edge_agent.web.updates import prove_bundle
from edge_agent.web.users import Role
from tests.browser_kit import IN_CHROMIUM, Seen
from tests.page_kit import PageKit
from tests.signing_kit import open_workshop
from tests.station_kit import wait_until

pytestmark = IN_CHROMIUM


def test_quality_runs_golden_parts_and_releases_what_they_stopped(
    served: tuple[PageKit, str], seen: Seen
) -> None:
    kit, tab = served[0], seen.tab
    kit.add_user("quinn", Role.QUALITY)
    seen.log_in("quinn")
    seen.open("golden")
    tab.wait_for_selector("#due:has-text('none was seen yet')")
    tab.fill("#label", "crack")
    tab.click("#add-bad")
    assert seen.small_targets() == []
    seen.shot("golden-order")
    tab.click("#begin")
    kit.hold.start()
    assert wait_until(kit.hold.running)
    tab.wait_for_selector("#running:not([hidden]) li:has-text('good')")
    kit.hold.applied(Decision("part-1", Verdict.FAIL, "reject", "", 1.0, ()))
    tab.wait_for_selector("#blocked:not([hidden])")
    seen.shot("golden-wrong")
    tab.fill("#note", "the good golden part was dirty")
    tab.click("#release-now")
    assert wait_until(lambda: not kit.hold.by)
    tab.wait_for_selector("#blocked", state="hidden")
    seen.open("golden?lang=zh")
    tab.wait_for_selector("#last:has-text('golden part 1')")
    seen.shot("golden-zh")
    assert [row[1] for row in kit.records][-2:] == ["golden release", "golden clear"]
    assert seen.is_clean()
    kit.hold.close()


def test_an_engineer_rolls_back_promotes_again_and_looks_at_the_board(
    served: tuple[PageKit, str], seen: Seen, tmp_path: Path
) -> None:
    kit, tab = served[0], seen.tab
    workshop = open_workshop(tmp_path / "workshop")
    for version in ("1.0.0", "1.1.0"):
        bundle = workshop.signed(version)
        install(bundle, kit.folder / "station", prove_bundle, trust=workshop.public)
    bundles = {"top": "brightness 1.1.0"}
    other = MeasuredRuntime(name="openvino", refused="was not measured within 5 s")
    measured = [MeasuredRuntime(name="litert", ms=0.539, ratio=1.0), other]
    runtime = RuntimeInUse(name="litert", version="2.3.0", measured=measured)
    state = StateMessage(station="press-7", state="armed", at_ns=1, bundles=bundles)
    kit.page.publish(state.model_copy(update={"runtimes": dict.fromkeys(bundles, runtime)}))
    kit.add_user("eva", Role.ENGINEER)
    seen.log_in("eva")
    seen.open("updates")
    tab.wait_for_selector("#in-use li:text-is('litert: 0.539 ms, taken')")
    tab.wait_for_selector("#in-use li:text-is('openvino, not taken: was not measured within 5 s')")
    tab.click("#slots button:has-text('Roll back to 1.0.0')")
    tab.click("#switch-yes")
    tab.wait_for_selector("#slots button:has-text('Promote 1.1.0')")
    seen.shot("updates")
    tab.click("#slots button:has-text('Promote 1.1.0')")
    tab.click("#switch-yes")
    tab.wait_for_selector("#slots button:has-text('Roll back to 1.0.0')")
    assert [row[1] for row in kit.records] == ["roll back bundle", "promote bundle"]
    seen.open("system")
    tab.click("#look")
    tab.wait_for_selector("#board:not([hidden])")
    assert seen.small_targets() == []
    seen.shot("system")
    with tab.expect_download() as download:
        tab.click("text=Diagnostics file")
    assert download.value.suggested_filename == "diagnostics.zip"
    assert seen.is_clean()
