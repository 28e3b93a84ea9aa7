"""The bar below a picture: its letters are those of the font, and it keeps its bounds."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from edge_agent.web.bar import BAR_PX, LEFT_PX, bar

FONT = Path(str(distribution("matplotlib").locate_file("matplotlib/mpl-data/fonts/ttf")))
CELL_PX = 9
INK = (255, 255, 255)


def test_every_letter_looks_like_the_font_s_own() -> None:
    letters = "".join(map(chr, range(ord("!"), ord("~") + 1)))
    drawn = Image.new("L", (LEFT_PX + CELL_PX * len(letters), BAR_PX))
    pen = ImageDraw.Draw(drawn)
    font = ImageFont.truetype(str(FONT / "DejaVuSansMono.ttf"), 15)
    for place, letter in enumerate(letters):
        at = (LEFT_PX + CELL_PX * place, 4)
        pen.text(at, letter, font=font, fill=255)
    wide = bar(drawn.width, (0, 0, 0), letters)[..., 1].astype(int)
    cells = [x[:, LEFT_PX:].reshape(BAR_PX, -1, CELL_PX) for x in (wide, np.asarray(drawn, int))]
    distance = np.abs(cells[0][:, :, None] - cells[1][:, None]).sum(axis=(0, 3))
    assert np.argmin(distance, axis=1).tolist() == list(range(len(letters)))


@pytest.mark.parametrize("text", ["", "x" * 500, "Teil äöü 😀\n"], ids=["none", "long", "foreign"])
def test_any_text_fits(text: str) -> None:
    found = bar(100, (210, 30, 30), text)
    assert found.shape == (BAR_PX, 100, 3)
    assert found.dtype == np.uint8
    assert found[0, 0].tolist() == [210, 30, 30]


def test_a_letter_beyond_ascii_is_a_question_mark() -> None:
    assert (bar(60, (0, 0, 0), "a缺b") == bar(60, (0, 0, 0), "a?b")).all()
    assert (bar(60, (0, 0, 0), "ab") != bar(60, (0, 0, 0), "ac")).any()
