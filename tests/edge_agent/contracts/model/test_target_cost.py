from __future__ import annotations

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.target_cost import TARGET_COSTS, Work, find_cost, total
from quantize.targets.all_targets import all_targets

MOBILENET_V2 = Work(
    convolution_macs=278_000_000, depthwise_macs=21_000_000, operators=70, written_bytes=700_000
)
"""MobileNetV2-1.0-224: 300 million multiply-accumulates (Sandler et al., CVPR 2018, table 4)."""


def test_every_target_has_a_row_that_says_where_it_is_from() -> None:
    assert set(TARGET_COSTS) == set(all_targets())
    for row in TARGET_COSTS.values():
        assert row.source
        assert row.within > 1
        assert row.budget_ms > 0


def test_work_of_parts_adds_up() -> None:
    parts = [Work(convolution_macs=3, operators=1), Work(float_macs=5, operators=2)]
    assert total(parts) == Work(convolution_macs=3, float_macs=5, operators=3)
    row = find_cost("rpi4")
    assert row.predict_ms(total(parts)) == pytest.approx(sum(map(row.predict_ms, parts)))


@pytest.mark.parametrize(
    ("target", "published_ms"),
    [("rpi4", 17 * 4), ("rpi5", 4.0 * 4), ("coral-usb", 4.6), ("x86", 3.1)],
)
def test_mobilenet_takes_what_is_published_within_the_rows_own_factor(
    target: str, published_ms: float
) -> None:
    """rpi4: 17 ms on four cores, XNNPACK's README of 2022; rpi5: 4.0 ms, taken for four cores."""
    row = find_cost(target)
    assert published_ms / row.within < row.predict_ms(MOBILENET_V2) < published_ms * row.within


def test_unknown_target_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="rpi4"):
        find_cost("rpi44")
