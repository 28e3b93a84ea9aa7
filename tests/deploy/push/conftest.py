"""A real sshd for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy import sshd


@pytest.fixture(scope="module")
def ssh_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if reason := sshd.missing():
        pytest.skip(reason)
    with sshd.served(tmp_path_factory.mktemp("sshd")) as config:
        yield config
