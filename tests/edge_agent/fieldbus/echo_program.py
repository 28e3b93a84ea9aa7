"""A program for LineProcess: it gives every line back, and refuses to start when told so."""

from __future__ import annotations

import json
import sys

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.line_program import answer, read_order, refuse


def main() -> int:
    order = read_order()
    if "refuse" in order:
        return refuse(DeviceError(order["refuse"], where="here", cure="ask otherwise"))
    answer({})
    for line in sys.stdin:
        answer({"heard": json.loads(line)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
