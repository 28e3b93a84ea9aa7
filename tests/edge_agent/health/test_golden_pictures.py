"""The golden pictures of a bundle, decoded in the order of their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.health.golden import golden_pictures


def test_pictures_come_in_name_order_and_other_files_do_not(image_bundle: Path) -> None:
    bundle = read_bundle(image_bundle)
    files = {
        f"golden/{name}.png": cv2.imencode(".png", np.full((8, 8, 3), level, np.uint8))[1].tobytes()
        for name, level in (("b", 200), ("a", 10))
    }
    more = replace(bundle, files={**files, "golden/golden.json": b"{}", "card.md": b""})
    assert [int(picture[0, 0, 0]) for picture in golden_pictures(more)] == [10, 200]


def test_a_damaged_picture_is_named(image_bundle: Path) -> None:
    bundle = replace(read_bundle(image_bundle), files={"golden/a.png": b"no picture"})
    with pytest.raises(InputError, match=r"golden/a\.png"):
        golden_pictures(bundle)
