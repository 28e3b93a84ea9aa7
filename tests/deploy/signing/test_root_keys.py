from __future__ import annotations

from pathlib import Path

import pytest

from deploy.signing.keys import ONLINE, ROOTS, TARGETS, Keyring
from deploy.signing.metadata import first_root
from deploy.signing.root_keys import key_ids_of, lists_key, roles_of, root_signers
from edge_agent.contracts.core.errors import ConfigError
from tests.signing_kit import make_keys_now, now


def test_every_key_of_a_new_ring_is_listed_in_its_roles(tmp_path: Path) -> None:
    make_keys_now(tmp_path / "keys")
    keys = Keyring(tmp_path / "keys")
    root = first_root(keys, now()).signed
    assert all(lists_key(root, name, keys.read(name)) for name in (*ROOTS, TARGETS, ONLINE))
    assert not lists_key(root, TARGETS, keys.read(ONLINE))
    assert roles_of(ONLINE) == ("snapshot", "timestamp")


def test_a_lost_root_key_is_the_one_that_is_not_at_hand(tmp_path: Path) -> None:
    make_keys_now(tmp_path / "keys")
    keys = Keyring(tmp_path / "keys")
    root = first_root(keys, now()).signed
    lost = key_ids_of(root, "root", keys, "root-2")
    keys.remove("root-2")
    assert key_ids_of(root, "root", keys, "root-2") == lost
    assert len(root_signers(root, keys)) == 2
    keys.remove("root-3")
    with pytest.raises(ConfigError, match="which of 2 keys root-2 was cannot be told"):
        key_ids_of(root, "root", keys, "root-2")
    with pytest.raises(ConfigError, match="1 of the root keys lie here, 2 must sign"):
        root_signers(root, keys)
