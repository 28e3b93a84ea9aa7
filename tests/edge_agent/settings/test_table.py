from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from edge_agent.settings.toml import IdentityPath, StationPath, Table, identity_paths


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


class Page(Table):
    """A table with what says who the station is, and tables in a list and a dict."""

    key: IdentityPath
    password_file: IdentityPath | None = None
    camera: Camera | None = None
    inner: list[Page] = Field(default_factory=list)
    named: dict[str, Page] = Field(default_factory=dict)


def test_the_files_of_the_identity_are_found_at_any_depth() -> None:
    inner = {"key": "b", "password_file": "c", "camera": {"path": "frames"}}
    table = Page.model_validate({"key": "a", "inner": [inner], "named": {"x": {"key": "d"}}})
    assert list(identity_paths(table)) == [Path("a"), Path("b"), Path("c"), Path("d")]


def test_without_a_file_a_path_stays_as_it_is() -> None:
    assert Camera.model_validate({"path": "frames"}).path == Path("frames")


def test_an_unknown_key_and_a_number_that_is_none_are_refused() -> None:
    with pytest.raises(ValidationError, match="rate"):
        Camera.model_validate({"path": "x", "rate": 3})
    with pytest.raises(ValidationError, match="finite"):
        Camera.model_validate({"path": "x", "rate_hz": float("nan")})
