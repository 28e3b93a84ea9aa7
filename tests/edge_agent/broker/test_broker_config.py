from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge_agent.broker.config import BrokerTable, TlsTable
from edge_agent.contracts.core.errors import ConfigError


def test_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("geheim mit Leerzeichen \nsecond line\n", encoding="utf-8")
    table = BrokerTable(host="b", username="u", password_file=file)
    assert table.password() == "geheim mit Leerzeichen "


@pytest.mark.parametrize("payload", [None, b"\xff\xfe\xff"], ids=["absent", "not text"])
def test_password_that_cannot_be_read_is_named(tmp_path: Path, payload: bytes | None) -> None:
    file = tmp_path / "password"
    if payload is not None:
        file.write_bytes(payload)
    with pytest.raises(ConfigError, match="password: the password cannot be read"):
        BrokerTable(host="b", username="u", password_file=file).password()


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"host": ""}, "at least 1 character"),
        ({"host": "b", "port": 70000}, "less than or equal to 65535"),
        ({"host": "b", "protocol": "4"}, "'5' or '3.1.1'"),
        ({"host": "b", "password_file": "p"}, "password_file needs username"),
    ],
)
def test_table_that_cannot_work_is_refused(keys: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        BrokerTable.model_validate(keys)


@pytest.mark.parametrize("key", ["cert_file", "key_file"])
def test_certificate_and_key_come_together(key: str) -> None:
    with pytest.raises(ValidationError, match="cert_file and key_file come together"):
        TlsTable.model_validate({key: "x.pem"})
