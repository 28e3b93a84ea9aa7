from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.settings.toml import StationPath, Table


class Camera(Table):
    """A table with a path."""

    path: StationPath
    rate_hz: float = 0


@pytest.mark.parametrize(
    ("written", "read"),
    [("frames", "/srv/press/frames"), ("../x", "/srv/press/../x"), ("/mnt/x", "/mnt/x")],
)
def test_a_relative_path_begins_at_the_file_that_names_it(written: str, read: str) -> None:
    table = Camera.model_validate({"path": written}, context={"folder": "/srv/press"})
    assert table.path == Path(read)


def test_without_a_file_a_path_stays_as_it_is() -> None:
    assert Camera.model_validate({"path": "frames"}).path == Path("frames")


def test_an_unknown_key_and_a_number_that_is_none_are_refused() -> None:
    with pytest.raises(ValidationError, match="rate"):
        Camera.model_validate({"path": "x", "rate": 3})
    with pytest.raises(ValidationError, match="finite"):
        Camera.model_validate({"path": "x", "rate_hz": float("nan")})
