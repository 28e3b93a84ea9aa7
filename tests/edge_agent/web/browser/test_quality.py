"""A quality engineer at the page: labels by keyboard, marks, exports; moves a threshold."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from edge_agent.contracts.core.types import Image
from edge_agent.evidence.folder import read_kept
from edge_agent.evidence.labels import read_labels
from edge_agent.web.users import Role
from tests.browser_kit import IN_CHROMIUM, Seen
from tests.page_kit import PageKit
from tests.station_kit import wait_until

pytestmark = IN_CHROMIUM


def cap(number: int, *, bad: bool) -> Image:
    """A turned lid of metal; a bad one has a scratch."""
    dice = np.random.default_rng(number)
    image = np.full((240, 320, 3), 38, np.uint8)
    for radius in range(105, 20, -7):
        level = 150 + int(dice.integers(-18, 18))
        cv2.circle(image, (160, 120), radius, (level, level, level + 6), -1, cv2.LINE_AA)
    cv2.circle(image, (160, 120), 18, (52, 54, 60), -1, cv2.LINE_AA)
    if bad:
        x, y = (int(v) for v in dice.integers(90, 130, 2))
        cv2.line(image, (x, y), (x + 46, y - 18), (66, 60, 58), 3, cv2.LINE_AA)
    return np.clip(image + dice.normal(0, 5, image.shape), 0, 255).astype(np.uint8)


def fill(kit: PageKit) -> None:
    """Twenty-four rejects and doubts, and good parts of which only scores remain."""
    for number in range(140):
        dice = np.random.default_rng(number)
        bad = number % 6 == 0
        score = float(np.clip(dice.normal(0.72 if bad else 0.2, 0.12), 0.01, 0.99))
        verdict = "FAIL" if score >= 0.5 else "PASS"
        label = ("crack" if number % 4 else "dent") if score >= 0.5 else "good"
        image = cap(number, bad=bad) if verdict == "FAIL" else None
        kit.part(f"LID-{number:05d}", verdict, label, score=score, image=image)


def test_a_quality_engineer_labels_by_keyboard_and_exports(
    served: tuple[PageKit, str], seen: Seen, tmp_path: Path
) -> None:
    kit, _ = served
    fill(kit)
    kept = list(read_kept(kit.state / "evidence"))
    kit.add_user("quinn", Role.QUALITY)
    seen.log_in("quinn")
    tab = seen.tab
    seen.open("evidence?order=oldest")
    tab.wait_for_selector(".card-item[aria-pressed=true]")
    assert wait_until(lambda: tab.locator("#shown").evaluate("(i) => i.naturalWidth") > 0)
    seen.shot("evidence")
    assert seen.small_targets() == []
    tab.keyboard.press("b")
    place = tab.locator("#marks").bounding_box()
    assert place is not None
    left, top = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    tab.mouse.move(left, top)
    tab.mouse.down()
    tab.mouse.move(left + 60, top + 40, steps=3)
    tab.mouse.up()
    seen.shot("evidence-box")
    tab.mouse.click(left - 60, top - 40)
    tab.mouse.click(left - 30, top - 20)
    tab.keyboard.press("2")
    for number in range(1, 20):
        tab.wait_for_selector(f"#done:has-text('{kept[number - 1].record.part_id}')")
        tab.wait_for_selector(f"#facts:has-text('{kept[number].record.part_id}')")
        tab.keyboard.press("1" if number % 2 else "Enter")
    assert wait_until(lambda: len(kit.records) == 20)
    first = read_labels(kit.state / "evidence", kept[0].stem).agreed
    assert first is not None
    assert (first.label, first.is_defect, len(first.boxes)) == ("crack", True, 2)
    assert 100 < first.boxes[0].x < 220
    tab.keyboard.press("u")
    assert wait_until(lambda: len(kit.records) == 21)
    assert kit.records[-1][:2] == ("quinn", "evidence label undone")
    tab.click("#which button:has-text('Labelled')")
    tab.wait_for_selector("#export:has-text('(19)')")
    with tab.expect_download() as download:
        tab.click("#export")
    with zipfile.ZipFile(download.value.path()) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode())))
    assert len(rows) == 19
    assert sum(bool(row["mask"]) for row in rows) == 1
    seen.open("evidence?lang=zh&which=labelled")
    tab.wait_for_selector(".card-item[aria-pressed=true]")
    assert wait_until(lambda: tab.locator("#shown").evaluate("(i) => i.naturalWidth") > 0)
    seen.shot("evidence-zh")
    tab.set_viewport_size({"width": 390, "height": 844})
    seen.shot("evidence-phone")
    assert seen.is_clean()


def test_labelling_all_items_leaves_out_none_at_the_end_of_a_page(
    served: tuple[PageKit, str], seen: Seen
) -> None:
    kit, _ = served
    for number in range(26):
        kit.part(f"LID-{number:05d}", "FAIL", "dent", score=0.9, image=cap(number, bad=True))
    kit.add_user("quinn", Role.QUALITY)
    seen.log_in("quinn")
    tab = seen.tab
    seen.open("evidence?which=all&order=oldest")
    tab.wait_for_selector("#facts:has-text('LID-00000')")
    tab.locator(".card-item").nth(22).click()
    for number in range(22, 25):
        tab.wait_for_selector(f"#facts:has-text('LID-{number:05d}')")
        tab.keyboard.press("Enter")
    assert wait_until(lambda: len(kit.records) == 3)
    assert seen.is_clean()


def test_an_engineer_moves_the_threshold_and_undoes_it(
    served: tuple[PageKit, str], seen: Seen
) -> None:
    kit, _ = served
    fill(kit)
    kit.add_user("erin", Role.ENGINEER)
    seen.log_in("erin")
    tab = seen.tab
    seen.open("threshold")
    tab.wait_for_selector("#histogram .then", state="attached")
    tab.fill("#exact", "0.62")
    tab.keyboard.press("Tab")
    tab.wait_for_selector("#flips img")
    tab.wait_for_selector("#warn:not([hidden])")
    seen.shot("threshold")
    assert seen.small_targets() == []
    tab.click("#apply")
    tab.fill("#note", "too many good lids in the bin")
    tab.click("#apply-yes")
    tab.wait_for_selector("#done:has-text('0.62')")
    assert kit.scoring.threshold == 0.62
    assert kit.records[-1][:2] == ("erin", "threshold")
    tab.click("#undo")
    assert wait_until(lambda: kit.scoring.threshold == 0.5)
    tab.wait_for_selector("#about:has-text('not moved')")
    seen.open("threshold?lang=zh")
    tab.wait_for_selector("#histogram .then", state="attached")
    seen.shot("threshold-zh")
    assert seen.is_clean()


def test_a_quality_engineer_sees_how_the_shift_went(
    served: tuple[PageKit, str], seen: Seen
) -> None:
    kit, _ = served
    now_ns = kit.clock.utc_ns()
    for number in range(600):
        dice = np.random.default_rng(number)
        at_ns = now_ns - (600 - number) * 140_000_000_000
        bad = dice.random() < (0.2 if 400 < number < 430 else 0.04)
        label = ("crack", "crack", "dent", "stain")[number % 4] if bad else ""
        message = kit.message(f"LID-{number:05d}", "FAIL" if bad else "PASS", label)
        kit.page.publish(message.model_copy(update={"at_ns": at_ns}))
    kit.add_user("vera", Role.VIEWER)
    seen.log_in("vera")
    tab = seen.tab
    seen.open("history")
    tab.wait_for_selector("#p-chart canvas")
    tab.wait_for_selector("#rows tr")
    assert "600" in tab.inner_text("#parts")
    assert tab.inner_text("#pareto li:first-child span") == "crack"
    tab.wait_for_selector("#p-hint.out")
    seen.shot("history")
    assert seen.small_targets() == []
    with tab.expect_download() as download:
        tab.click("#csv")
    assert len(download.value.path().read_text().splitlines()) == 601
    tab.click("#spans button:has-text('last 7 days')")
    tab.wait_for_selector("#csv[href*='168']")
    seen.open("history?lang=zh")
    tab.wait_for_selector("#p-chart canvas")
    tab.wait_for_selector("#rows tr")
    seen.shot("history-zh")
    assert seen.is_clean()
