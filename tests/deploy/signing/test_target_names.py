from __future__ import annotations

import pytest
from tuf.api.metadata import TargetFile, Targets

from deploy.signing.metadata import unpublished
from deploy.signing.target_names import nearest


@pytest.mark.parametrize(
    ("path", "cure"),
    [
        ("main/caps-1.0.bundle", "did you mean 'main/caps-1.0.0.bundle'?"),
        ("main/zz", "known are main/caps-1.0.0.bundle, main/lids-1.0.0.bundle"),
    ],
)
def test_a_cure_names_releases_and_not_what_lies_beside_them(path: str, cure: str) -> None:
    line = unpublished(Targets())
    for name in ("caps-1.0.0.bundle", "caps-1.0.0.cdx.json", "lids-1.0.0.bundle"):
        line.targets[f"main/{name}"] = TargetFile.from_data(name, b"", ["sha256"])
    assert nearest(path, line) == cure


def test_an_empty_line_has_nothing_to_name() -> None:
    assert nearest("main/caps", unpublished(Targets())) == "its line has released nothing"
