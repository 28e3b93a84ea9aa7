"""The entry of an image in its publisher's list; its way of customising is never guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.flash.os_list import Entry, find_entry
from edge_agent.contracts.core.errors import ConfigError

ENTRY = {
    "name": "Pi OS Lite",
    "url": "https://example.org/a/os.img.xz",
    "init_format": "cloudinit-rpi",
    "extract_size": 4096,
    "extract_sha256": "aa",
    "image_download_sha256": "bb",
}


def found(folder: Path, *entries: object) -> Entry:
    (folder / "list.json").write_text(json.dumps({"os_list": entries}))
    return find_entry(folder / "list.json", Path("downloads/os.img.xz"))


def test_an_entry_in_a_group_of_a_group_is_found_by_its_file_name(tmp_path: Path) -> None:
    groups = {"name": "a", "subitems": [{"name": "b", "subitems": [ENTRY, {"url": "x/other"}]}]}
    assert found(tmp_path, groups, "no entry") == Entry(
        "Pi OS Lite", "cloudinit-rpi", 4096, "aa", "bb"
    )


def test_what_the_list_does_not_state_is_empty(tmp_path: Path) -> None:
    bare = {"url": "os.img.xz", "init_format": "systemd"}
    assert found(tmp_path, bare) == Entry("", "systemd", 0, "", "")


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([], "has 0 entries"),
        ([ENTRY, ENTRY], "has 2 entries"),
        ([{**ENTRY, "url": "https://example.org/xos.img.xz"}], "has 0 entries"),
        ([{**ENTRY, "init_format": "none"}], "'none': this image cannot be customised"),
        ([{**ENTRY, "init_format": "cloudinit2"}], "cannot be customised"),
        ([{**ENTRY, "extract_size": "big"}], "cannot be customised"),
    ],
)
def test_a_list_that_does_not_tell_is_refused(
    entries: list[object], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=reason):
        found(tmp_path, *entries)


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b"{"])
def test_a_file_that_is_no_list_is_named(payload: bytes, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_bytes(payload)
    with pytest.raises(ConfigError, match=r"list\.json: no list of images"):
        find_entry(tmp_path / "list.json", Path("os.img"))
