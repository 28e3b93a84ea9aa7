"""Authorities of servers: which files are taken, and what is said of others."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.server_tls import server_context


def test_the_systems_authorities_check_name_and_certificate() -> None:
    context = server_context(None)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_file_without_an_authority_is_to_be_mended(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca\.pem: the certificate of the authority cannot be"):
        server_context(path)
