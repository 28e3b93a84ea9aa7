"""Units of process tags: the few conversions that are exact, and the unit written in a tag's name.

Factors after the SI brochure, 9th ed. (2019), table 8, and NIST SP 811 (2008), appendix B.8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

KNOWN: dict[str, tuple[str, float, float]] = {
    "K": ("temperature", 1.0, 0.0),
    "degC": ("temperature", 1.0, 273.15),
    "degF": ("temperature", 5.0 / 9.0, 459.67 * 5.0 / 9.0),
    "Pa": ("pressure", 1.0, 0.0),
    "hPa": ("pressure", 1e2, 0.0),
    "kPa": ("pressure", 1e3, 0.0),
    "MPa": ("pressure", 1e6, 0.0),
    "mbar": ("pressure", 1e2, 0.0),
    "bar": ("pressure", 1e5, 0.0),
    "psi": ("pressure", 6894.757293168361, 0.0),
    "rad/s": ("speed of rotation", 1.0, 0.0),
    "rpm": ("speed of rotation", 2.0 * math.pi / 60.0, 0.0),
    "Hz": ("speed of rotation", 2.0 * math.pi, 0.0),
    "Nm": ("torque", 1.0, 0.0),
    "kNm": ("torque", 1e3, 0.0),
    "mW": ("power", 1e-3, 0.0),
    "W": ("power", 1.0, 0.0),
    "kW": ("power", 1e3, 0.0),
    "mA": ("current", 1e-3, 0.0),
    "A": ("current", 1.0, 0.0),
    "mV": ("voltage", 1e-3, 0.0),
    "V": ("voltage", 1.0, 0.0),
    "kV": ("voltage", 1e3, 0.0),
    "ms": ("time", 1e-3, 0.0),
    "s": ("time", 1.0, 0.0),
    "min": ("time", 60.0, 0.0),
    "h": ("time", 3600.0, 0.0),
    "mm": ("length", 1e-3, 0.0),
    "m": ("length", 1.0, 0.0),
    "l/min": ("flow", 1e-3 / 60.0, 0.0),
    "m3/h": ("flow", 1.0 / 3600.0, 0.0),
    "mm/s": ("velocity", 1e-3, 0.0),
    "m/s": ("velocity", 1.0, 0.0),
    "%": ("fraction", 0.01, 0.0),
    "1": ("fraction", 1.0, 0.0),
}
"""Unit -> quantity, factor and offset: SI value = factor * value + offset."""

SPELLINGS = {
    "°C": "degC",
    "C": "degC",
    "°F": "degF",
    "F": "degF",
    "1/min": "rpm",
    "min-1": "rpm",
    "N m": "Nm",
    "N·m": "Nm",
    "L/min": "l/min",
    "lpm": "l/min",
    "m³/h": "m3/h",
}
"""Other spellings of the same unit."""

WITHOUT_CONVERSION = frozenset(
    {"g", "mg", "m/s2", "m/s²", "m/s^2", "um", "µm", "μm", "um/s", "us", "µs", "μs", "ns", "sec",
     "seconds", "kHz", "MHz", "N", "kN", "deg", "°", "rad", "volt", "volts", "VA", "kVA", "kWh",
     "dB", "l", "L", "l/h", "L/h", "m3", "m³", "kg", "kg/h", "t", "g/s", "Ohm", "Ω", "-", "ppm"}
)  # fmt: skip
"""Further units that stand in a line of units below a header; none is converted."""

NO_UNIT = frozenset({"", "-", "1"})
"""What stands in a line of units where a column has none."""
LONGEST = 12
"""Characters of a unit in brackets."""

_NAMED = re.compile(r"^(?P<base>.*\S)\s*[\[(](?P<unit>[^\[\]()]+)[\])]\s*$")


def canonical(unit: str) -> str:
    """The spelling that KNOWN uses, or the unit as it is written."""
    plain = unit.strip()
    return SPELLINGS.get(plain, plain)


def are_units(cells: Sequence[str]) -> bool:
    """Whether the cells of a line are units and nothing else; columns without one may be among
    them."""
    return not NO_UNIT.issuperset(cells) and all(_is_unit(cell) for cell in cells if cell)


def split_name(name: str) -> tuple[str, str]:
    """A tag's name and the unit in its brackets: "Torque [Nm]" -> ("Torque", "Nm")."""
    found = _NAMED.match(name)
    if found is None:
        return name.strip(), ""
    return found["base"], canonical(found["unit"])


def conversion(unit: str, wanted: str) -> tuple[float, float] | None:
    """(factor, offset) with value in `wanted` = factor * value in `unit` + offset.

    None where the two are not known to be units of one quantity.
    """
    source, target = canonical(unit), canonical(wanted)
    if source == target:
        return 1.0, 0.0
    if source not in KNOWN or target not in KNOWN or KNOWN[source][0] != KNOWN[target][0]:
        return None
    _, factor, offset = KNOWN[source]
    _, divisor, shift = KNOWN[target]
    return factor / divisor, (offset - shift) / divisor


def _is_unit(cell: str) -> bool:
    """Whether a cell is a unit: a known one, or anything short in brackets."""
    plain = cell.strip()
    bare = plain.strip("[]()").strip()
    bracketed = plain[:1] + plain[-1:] in ("[]", "()")
    known = canonical(bare) in KNOWN or bare in WITHOUT_CONVERSION
    return (known and bare != "1") or (bracketed and len(bare) <= LONGEST)
