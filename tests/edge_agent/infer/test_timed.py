"""What was measured of runtimes, in words."""

from __future__ import annotations

from edge_agent.infer.timed import Timed, words


def test_a_time_a_refusal_and_a_lack_of_time_read_differently() -> None:
    rows = [
        Timed(name="litert", ms=1.234, ratio=1),
        Timed(name="openvino", refused="gives other outputs"),
        Timed(name="other", refused="was not measured within 5 s", unfinished=True),
    ]
    assert words(rows) == (
        "litert 1.23 ms (ratio 1.00); openvino is refused: gives other outputs; "
        "other was not measured within 5 s"
    )
