"""Verbs that speak to a broker: what they end with where nobody is there, or a secret lies open."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.__main__ import main

Shown = pytest.CaptureFixture[str]
NOBODY = ["--host", "127.0.0.1", "--port", "9"]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """`collect` answers signals by itself."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def _words(folder: Path) -> dict[str, list[str]]:
    base = ["--db", str(folder / "history.db"), *NOBODY]
    return {
        "collect": ["collect", *base],
        "feed": ["feed", *base, "--once"],
        "check-broker": ["check-broker", *NOBODY],
    }


@pytest.mark.parametrize("verb", ["collect", "feed", "check-broker"])
def test_a_broker_that_is_away_is_an_absent_device(verb: str, tmp_path: Path) -> None:
    assert main(["collect", "--db", str(tmp_path / "history.db"), *NOBODY]) == 4
    assert main(_words(tmp_path)[verb]) == 4


@pytest.mark.parametrize("verb", ["collect", "feed", "check-broker"])
def test_a_password_that_others_may_read_is_refused(
    verb: str, tmp_path: Path, capsys: Shown
) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    secret.chmod(0o644)
    words = [*_words(tmp_path)[verb], "--username", "a", "--password-file", str(secret)]
    assert main(words) == 2
    assert f"{secret}: the password is open to others (mode 644)" in capsys.readouterr().err


def test_a_key_that_others_may_read_signs_no_artifact(tmp_path: Path, capsys: Shown) -> None:
    key = tmp_path / "mender.key"
    key.write_text("-----BEGIN PRIVATE KEY-----\n")
    key.chmod(0o644)
    assert main(["pack", "caps-1.0.0.bundle", "--mender", "press", "--key", str(key)]) == 2
    assert "the private key is open to others (mode 644)" in capsys.readouterr().err
