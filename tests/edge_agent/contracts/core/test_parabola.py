from __future__ import annotations

import pytest

from edge_agent.contracts.core.parabola import parabola_top


@pytest.mark.parametrize("top", [-0.5, -0.2, 0.0, 0.3, 0.5])
def test_top_of_a_true_parabola_is_found(top: float) -> None:
    assert parabola_top(*(7 - 3 * (x - top) ** 2 for x in (-1, 0, 1))) == pytest.approx(top)


@pytest.mark.parametrize("three", [(1, 1, 1), (1, 0, 1), (0, 1, 2)])
def test_three_that_form_no_peak_give_the_middle(three: tuple[float, float, float]) -> None:
    assert parabola_top(*three) == 0
