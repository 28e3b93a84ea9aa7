"""The table of operator codes in a .tflite file: each operator names its kind by a place in it."""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema


def operator_code(tree: Any, kind: int, version: int = 1) -> int:
    """The place of an operator of at least this version, added where it is missing.

    tree: the model as an object tree (ModelT); kind: a BuiltinOperator.
    """
    for index, known in enumerate(tree.operatorCodes):
        if known.builtinCode == kind:
            known.version = max(known.version, version)
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = version
    tree.operatorCodes.append(code)
    return len(tree.operatorCodes) - 1
