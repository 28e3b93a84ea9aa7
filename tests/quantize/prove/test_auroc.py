from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from quantize.prove.gate import auroc


@pytest.mark.parametrize("levels", [3, 50, 10_000], ids="{} levels".format)
def test_auroc_of_the_gate_is_that_of_sklearn(levels: int) -> None:
    """int8 scores have few levels: ties count half."""
    random = np.random.default_rng(levels)
    bad = random.random(400) < 0.2
    scores = np.round(random.normal(size=400) + bad, 3)
    scores = np.floor(scores * levels / 8) / levels
    assert auroc(bad, scores) == pytest.approx(roc_auc_score(bad, scores), abs=1e-12)
