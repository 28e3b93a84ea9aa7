"""The first line of a file that holds a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.capture.process.opc_ua import OpcUaReader, OpcUaTable
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.settings.secret import first_line


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"", ""),
        (b"s3cret", "s3cret"),
        (b"s3cret\nsecond\n", "s3cret"),
        (b"s3cret\r\nsecond\r\n", "s3cret"),
        (b"\xef\xbb\xbfs\xc3\xbc\xc3\x9f \n", "süß "),
    ],
)
def test_it_is_the_first_line_without_marks_of_the_editor(
    tmp_path: Path, content: bytes, secret: str
) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    assert first_line(path, "the password") == secret


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["absent", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="the token cannot be read") as raised:
        first_line(path, "the token")
    assert raised.value.where == str(path)
    assert "chmod 600" in raised.value.cure


def test_an_opc_ua_source_without_its_password_says_so(tmp_path: Path) -> None:
    table = OpcUaTable.model_validate(
        {
            "driver": "opc_ua",
            "url": "opc.tcp://127.0.0.1:4840",
            "username": "line",
            "password_file": tmp_path / "password",
            "tag": [{"name": "force", "node": "ns=2;s=Force"}],
        }
    )
    with pytest.raises(ConfigError, match="the password cannot be read"):
        OpcUaReader(table).open()
