from __future__ import annotations

from edge_agent.contracts.core.suggestion import did_you_mean


def test_a_near_word_is_suggested() -> None:
    assert did_you_mean("epoch", ["epochs", "batch"]) == "did you mean 'epochs'?"


def test_a_far_word_gets_the_list() -> None:
    assert did_you_mean("zzz", ["load", "bearing"]) == "known are load, bearing"


def test_a_word_where_nothing_is_known_gets_no_empty_list() -> None:
    assert did_you_mean("zzz", []) == "none is known here"
