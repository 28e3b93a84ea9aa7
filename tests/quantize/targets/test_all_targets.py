"""Every file of quantize/targets is found by its name, and each of its rows is a target."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge_agent.contracts.core.errors import ConfigError
from quantize.convert.variants import LADDER
from quantize.targets.all_targets import DEFAULT, FILES, all_targets, find_target


def test_every_file_holds_targets_of_different_names() -> None:
    rows = [row.name for file in FILES.rows().values() for row in file.rows]
    assert {"cpu", "jetson", "coral"} <= set(FILES.names())
    assert sorted(rows) == sorted(all_targets())
    assert DEFAULT in rows


def test_an_unknown_target_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"no target 'rpi6', did you mean 'rpi\d'\?.*choose one of"
    ):
        find_target("rpi6")


@pytest.mark.parametrize("name", all_targets())
def test_variants_are_tried_from_the_smallest(name: str) -> None:
    variants = find_target(name).variants
    assert list(variants) == [one for one in LADDER if one in variants]
    assert variants[0] == "int8"


@pytest.mark.parametrize("name", all_targets())
def test_a_row_becomes_json(name: str) -> None:
    document = find_target(name).document()
    assert document["name"] == name
    assert document["runtime"] == "litert>=2.0"


def test_the_table_needs_no_converter() -> None:
    """A station's own program lists the targets, too: without TensorFlow and its flatbuffers."""
    program = (
        "import sys; from quantize.targets.all_targets import all_targets; all_targets();"
        "print([name for name in ('tensorflow', 'flatbuffers', 'ai_edge_litert')"
        " if name in sys.modules])"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
