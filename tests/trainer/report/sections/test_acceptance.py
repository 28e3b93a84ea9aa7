from __future__ import annotations

from pathlib import Path

import pytest

from tests.run_folders import write_image_run
from trainer.report.sections.acceptance import acceptance
from trainer.run_folder.run import open_fitted_run


def test_the_box_states_limits_counts_bounds_outcome_and_lines_to_sign(tmp_path: Path) -> None:
    box = acceptance(open_fitted_run(write_image_run(tmp_path / "run", escapes=1)))
    for text in (
        "≤ 1 %",
        "1 of 20",
        "&lt; 21.6 %",  # Clopper-Pearson: beta.ppf(0.95, 2, 19)
        "0 of 20",
        "&lt; 13.9 %",  # 1 - 0.05 ** (1 / 20)
        "NOT PROVEN",
        "279 more good parts without an error",
        "Next step:",
        "not measured yet",
        "Signature",
        "Date",
    ):
        assert text in box


@pytest.mark.parametrize(("defects", "escapes"), [(0, 0), (299, 0)], ids=["none", "enough"])
def test_escapes_are_proven_by_enough_defects_only(
    defects: int, escapes: int, tmp_path: Path
) -> None:
    folder = write_image_run(tmp_path / "run", defects=defects, parts=299, escapes=escapes)
    box = acceptance(open_fitted_run(folder))
    assert ("none tested" in box) == (not defects)
    assert ("NOT PROVEN" in box) == (not defects)
