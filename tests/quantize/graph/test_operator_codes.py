"""An operator is found in the table of codes, or stands there afterwards."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from quantize.graph.operator_codes import operator_code

NETWORK = Path(__file__).parents[2] / "edge_agent" / "models" / "brightness.tflite"


def test_a_kind_is_added_once_and_is_of_the_newest_version_asked_for() -> None:
    tree = schema.ModelT.InitFromPackedBuf(NETWORK.read_bytes(), 0)
    kinds = [known.builtinCode for known in tree.operatorCodes]
    cosine = schema.BuiltinOperator.COS
    assert cosine not in kinds
    assert operator_code(tree, kinds[0]) == 0
    assert operator_code(tree, cosine) == operator_code(tree, cosine, 3) == len(kinds)
    assert [known.builtinCode for known in tree.operatorCodes] == [*kinds, cosine]
    added = tree.operatorCodes[-1]
    assert (added.deprecatedBuiltinCode, added.version) == (cosine, 3)
    assert operator_code(tree, cosine, 1) == len(kinds)
    assert added.version == 3
