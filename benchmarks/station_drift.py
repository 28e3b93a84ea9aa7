"""How soon a moved distribution is found, and how often a healthy one raises an alarm."""

from __future__ import annotations

import numpy as np

from benchmarks.rows import Row, say
from edge_agent.health.drift import (
    FALSE_ALARM_RATE,
    GOOD_REFERENCE,
    DriftTest,
    Reference,
    Values,
    learn_reference,
)

SHIFTS = {0.3: 500, 0.5: 200, 1.0: 60}
"""Shift of the mean in sigma -> parts within which it must be found."""
REFERENCES = 20


def drift_rows(quick: bool) -> list[Row]:
    """Shares found in time, and false alarms, each over references that were learned anew."""
    trials, healthy = (40, 40_000) if quick else (1000, 1_000_000)
    rng = np.random.default_rng(20)
    references = [learn_reference(rng.normal(size=GOOD_REFERENCE)) for _ in range(REFERENCES)]
    rows = []
    for shift, parts in SHIFTS.items():
        found = [
            _alarms(references[k % REFERENCES], rng.normal(size=parts) + (shift, -shift)[k % 2]) > 0
            for k in range(trials)
        ]
        share = float(np.mean(found))
        say(f"drift: {shift} sigma found within {parts} parts in {share:.1%}")
        name = f"drift of {shift} sigma found within {parts} parts"
        rows.append(Row(name, share, "higher", n=trials, reach=0.95))
    each = healthy // REFERENCES
    false = sum(_alarms(reference, rng.normal(size=each)) for reference in references)
    say(f"drift: {false} false alarms in {healthy} healthy parts")
    stated = FALSE_ALARM_RATE * healthy
    return [*rows, Row("drift false alarms", false, "lower", n=healthy, reach=stated)]


def _alarms(reference: Reference, values: Values) -> int:
    """Alarms over values; after each the test begins anew."""
    test, alarms = DriftTest(reference), 0
    for value in values.tolist():
        if test.add(value):
            alarms += 1
            test = DriftTest(reference)
    return alarms
