"""Keys on a token: SoftHSM, a PKCS#11 token of OpenDNSSEC in software."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.signing.token import TokenUri, make_on_token
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.update.slots import install, status
from tests.signing_kit import Workshop

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = "1234"


@pytest.fixture(scope="module")
def module() -> str:
    """SoftHSM's library; the place of its tokens is read once in a process."""
    pytest.importorskip("pkcs11", reason="NOT TESTED: pip install 'lineside[hsm]'")
    found = next((path for path in MODULES if Path(path).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("NOT TESTED: SoftHSM is not installed (apt install softhsm2)")
    return found


@pytest.fixture(scope="module")
def uri(module: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty token with the label `line`, and a file with its PIN."""
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "pin").write_text(f"{PIN}\n")
    (folder / "pin").chmod(0o600)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(config))
        words = ["--init-token", "--free", "--label", "line", "--pin", PIN, "--so-pin", "5678"]
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
        yield f"pkcs11:token=line?module-path={module}&pin-source=file:{folder}/pin"


def test_a_release_is_signed_by_keys_that_never_leave_the_token(uri: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert main(["keys", "init", str(keys), "--pkcs11", uri]) == 0
    assert not list(keys.glob("*.pem"))
    assert {path.stem for path in keys.glob("*.p11")} >= {"root-1", "online", "line-main"}
    workshop = Workshop(tmp_path, keys / "root.json")
    root = tmp_path / "station"
    install(workshop.signed("1.0.0"), root, lambda _: None, trust=workshop.public)
    for role in ("online", "main"):
        before = (keys / f"{'line-' * (role == 'main')}{role}.p11").read_text()
        assert main(["keys", "rotate", role, "--keys", str(keys)]) == 0
        after = (keys / f"{'line-' * (role == 'main')}{role}.p11").read_text()
        assert before.partition(";id=")[0] == after.partition(";id=")[0]
        assert before != after
    install(workshop.signed("1.1.0"), root, lambda _: None)
    assert status(root)[0].version == "1.1.0"


def test_the_serial_number_chooses_the_token(uri: str, module: str) -> None:
    import pkcs11

    serial = pkcs11.lib(module).get_token(token_label="line").serial.decode()
    named = uri.replace("token=line", f"token=line;serial={serial}")
    key = make_on_token(TokenUri.parse(named), "serial", PIN)
    assert f";serial={serial};" in str(key.uri)
    assert len(key.sign(b"x")) == 64
    with pytest.raises(ConfigError, match="is not there"):
        make_on_token(TokenUri.parse(named.replace(serial, "0")), "serial", PIN)


def test_pkcs11_tool_sees_the_keys_and_cannot_read_them(uri: str, tmp_path: Path) -> None:
    tool = shutil.which("pkcs11-tool")
    if tool is None:
        pytest.skip("NOT TESTED: pkcs11-tool is not installed (apt install opensc)")
    keys = tmp_path / "keys"
    assert main(["keys", "init", str(keys), "--pkcs11", f"online={uri}"]) == 0
    assert {path.stem for path in keys.glob("*.p11")} == {"online"}
    module = TokenUri.parse(uri).module
    shown = subprocess.run(
        [tool, "--module", module, "--login", "--pin", PIN, "--list-objects", "--type", "privkey"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ.copy(),
    ).stdout
    assert "lineside online" in shown
    assert "never extractable" in shown
    wrapped = main(["keys", "line", "castings", "--keys", str(keys), "--json"])
    assert wrapped == 0, "a key in a file beside keys on a token"
    assert (keys / "line-castings.pem").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("token=line", "token=other"), r"token other .*: is not there: plug it in"),
        (("/pin", "/wrong"), r"token line .*: refuses the PIN: check the file"),
        (("/pin", "/none"), r"none: the PIN cannot be read .*chmod 600"),
        (("&.*", ""), r"token line: the PIN is not known: add --pin-file"),
        (("libsofthsm2", "nothing"), r"does not work .*check module-path"),
        (("pkcs11:", "hsm:"), r"names no token: write such as pkcs11:token"),
    ],
    ids=["token", "pin", "pin file", "no pin", "module", "uri"],
)
def test_what_is_wrong_with_a_token_is_named(
    change: tuple[str, str], message: str, uri: str, tmp_path: Path, capsys: object
) -> None:
    wrong = Path(str(TokenUri.parse(uri).pin_file)).parent / "wrong"
    wrong.write_text("9999\n")
    wrong.chmod(0o600)
    with pytest.raises(ConfigError, match=message):
        _init(tmp_path / "keys", re.sub(*change, uri))


def _init(folder: Path, uri: str) -> None:
    from deploy.signing.keys import Keyring

    Keyring(folder, tokens={"": TokenUri.parse(uri)}).make("online")
