"""Keys on a token, in a process of their own: the token's library brings an OpenSSL, and one more
beside those that other tests have loaded ends the process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.signing.token import TokenUri
from edge_agent.contracts.core.errors import ConfigError

CASES = Path(__file__).with_name("on_token.py")


def test_keys_on_a_token_sign_rotate_and_say_what_is_wrong(tmp_path: Path) -> None:
    words = ["-p", "no:cacheprovider", "-q", "-rs", f"--basetemp={tmp_path / 'base'}"]
    command = [sys.executable, "-m", "pytest", *words, str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CASES.parents[3])
    if "NOT TESTED" in done.stdout:
        pytest.skip(next(line for line in done.stdout.splitlines() if "NOT TESTED" in line))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[100%]" in done.stdout


def test_a_uri_is_written_as_it_was_read() -> None:
    text = "pkcs11:token=a%20b;id=%01%ff?module-path=/usr/lib/x.so&pin-source=file:/etc/pin"
    uri = TokenUri.parse(text)
    assert (uri.token, uri.module, uri.key_id) == ("a b", "/usr/lib/x.so", b"\x01\xff")
    assert str(uri) == text
    assert str(uri.pin_file) == "/etc/pin"


@pytest.mark.parametrize("extra", [";object=foo?", "?pin-value=1234&"])
def test_an_attribute_that_is_not_looked_at_is_named(extra: str) -> None:
    name = extra.strip(";?").partition("=")[0]
    with pytest.raises(ConfigError, match=f"'{name}' is not looked at here"):
        TokenUri.parse(f"pkcs11:token=a{extra}module-path=/x.so")


def test_a_relative_file_of_the_pin_is_found_from_everywhere() -> None:
    uri = TokenUri.parse("pkcs11:token=a;serial=99?module-path=/x.so&pin-source=file:pin")
    assert (uri.pin_file, uri.serial) == (Path.cwd() / "pin", "99")
    assert TokenUri.parse(str(uri)) == uri
