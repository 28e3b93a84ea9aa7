"""Desired states are signed by the key that the root names, as another library sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.signing.desired import DesiredSigner, roots_of
from deploy.signing.keys import Keyring
from edge_agent.contracts.core.errors import ConfigError
from tests.edge_agent.rollout.rollout_kit import open_line


def test_the_signature_is_that_of_the_online_key(tmp_path: Path) -> None:
    line = open_line(tmp_path)
    message = line.desired(line.release("1.1.0"))
    private = load_pem_private_key((line.workshop.keys / "online.pem").read_bytes(), None)
    found = bytes.fromhex(message.signatures[0].signature)
    private.public_key().verify(found, message.signed_bytes())  # type: ignore[union-attr,call-arg,arg-type]
    line.workshop.repository().rotate("online")
    assert len(roots_of(line.workshop.folder / "releases")) == 2


def test_a_folder_without_releases_is_named(tmp_path: Path) -> None:
    line = open_line(tmp_path)
    with pytest.raises(ConfigError, match="is no folder of releases: name the one that"):
        DesiredSigner(Keyring(line.workshop.keys), tmp_path)
