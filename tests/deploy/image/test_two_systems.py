"""An image of two systems: RAUC's configuration, its bundle, and what marks a system good."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from configparser import ConfigParser
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.image.filesystems import make_root
from deploy.image.grub import FIRST, FOLDER, environment_block
from deploy.image.layout import MIB, Span
from deploy.image.system_files import system_file
from deploy.image.two_systems import (
    SYSTEM,
    BundleSigner,
    TwoSystems,
    check_signer,
    read_two_systems,
    system_version,
    write_two_systems,
    write_update,
)
from edge_agent.contracts.core.errors import ConfigError


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> BundleSigner:
    """A development certificate."""
    folder = tmp_path_factory.mktemp("signer")
    return new_signer(folder, "")


def new_signer(folder: Path, name: str) -> BundleSigner:
    """A certificate that boards know, and its key: NAMEcert.pem, NAMEkey.pem."""
    cert, key = folder / f"{name}cert.pem", folder / f"{name}key.pem"
    text = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -batch"
    words = [*text.split(), "-subj", "/CN=plant", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True)
    return BundleSigner(cert, key, cert)


@pytest.fixture
def chosen(signer: BundleSigner) -> TwoSystems:
    return read_two_systems("press", signer.cert, "1.2.0+20261130T010203Z")


def test_the_board_knows_its_slots_its_keyring_and_its_own_name(
    chosen: TwoSystems, signer: BundleSigner, tmp_path: Path
) -> None:
    write_two_systems(tmp_path, chosen)
    config = ConfigParser()
    config.read(tmp_path / "etc/rauc/system.conf")
    assert config["system"]["compatible"] == "press"
    assert config["system"]["grubenv"] == f"/boot/firmware/{FOLDER}/grubenv"
    keyring = tmp_path / config["keyring"]["path"].lstrip("/")
    assert keyring.read_bytes() == signer.cert.read_bytes()
    links = re.findall(r"/dev/lineside/system-[ab]$", system_file("init.sh"), re.MULTILINE)
    assert [config[f"slot.rootfs.{n}"]["device"] for n in (0, 1)] == links
    assert (tmp_path / SYSTEM).read_text() == "1.2.0+20261130T010203Z\n"
    unit = (tmp_path / "etc/systemd/system/lineside-system-good.service").read_text()
    assert (tmp_path / "usr/lib/lineside/system-good.sh").exists()
    assert "ExecStart=/bin/sh /usr/lib/lineside/system-good.sh\n" in unit


def test_a_systems_version_is_the_agents_and_when_it_was_built() -> None:
    wheels = [Path("pip-1-py3-none-any.whl"), Path("lineside-1.2.0-py3-none-any.whl")]
    at = datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC)
    assert system_version(wheels, at) == "1.2.0+20261130T010203Z"


def test_rauc_reads_the_bundle_and_finds_the_root_in_it(
    chosen: TwoSystems, signer: BundleSigner, tmp_path: Path
) -> None:
    for program in ("rauc", "unsquashfs"):
        if shutil.which(program) is None:
            pytest.skip(f"NOT TESTED: no {program} (apt install rauc squashfs-tools)")
    tree, image, span = tmp_path / "tree", tmp_path / "a.img", Span(4 * MIB, 12 * MIB)
    tree.mkdir()
    (tree / "agent").write_bytes(os.urandom(64 << 10))  # what does not pack to nothing
    with image.open("wb") as stream:
        stream.truncate(span.start + 2 * span.size)
    make_root(image, span, tree)
    out = tmp_path / "a.raucb"
    write_update(image, span, out, chosen, signer)
    words = ["rauc", f"--keyring={signer.cert}", "info", "--output-format=shell", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    said = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert said["RAUC_MF_COMPATIBLE"].strip("'\"") == "press"
    assert said["RAUC_MF_VERSION"].strip("'\"") == chosen.version
    assert said["RAUC_IMAGE_CLASS_0"].strip("'\"") == "rootfs"
    words = ["unsquashfs", "-cat", str(out), "rootfs.ext4"]
    root = subprocess.run(words, capture_output=True, check=True).stdout
    assert root == image.read_bytes()[span.start : span.start + span.size]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rauc", "press"], "name --cert, whose key signs them"),
        (["--rauc", "press", "--key", "key.pem"], "name --cert, whose key signs them"),
        (["--rauc", "press", "--cert", "cert.pem", "--key", "absent.pem"], "is no file"),
        (["--cert", "cert.pem"], "is of an image of two systems"),
        (["--rauc", "a b", "--cert", "cert.pem"], "is no name of a kind of board"),
        (["--rauc", "press", "--cert", "absent.pem"], "cannot be read"),
        (["--rauc", "press", "--cert", "key.pem"], "has no certificate, or a private key"),
    ],
)
def test_an_image_whose_bundles_no_board_could_check_is_refused(
    words: list[str],
    message: str,
    signer: BundleSigner,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("pip-1-py3-none-any.whl", "lineside-1-py3-none-any.whl"):
        (tmp_path / name).touch()
    folder = signer.cert.parent
    words = [str(folder / word) if word.endswith(".pem") else word for word in words]
    image = ["image", str(tmp_path / "a.img"), "--wheels", str(tmp_path), "--dry-run"]
    assert main([*image, *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cert", "key", "keyring", "message"),
    [
        ("cert.pem", "strangerkey.pem", "cert.pem", "key values mismatch"),
        ("cert.pem", "nokey.pem", "cert.pem", "failed to parse key file"),
        ("cert.pem", "key.pem", "strangercert.pem", "self-signed certificate"),
        ("cert.pem", "openkey.pem", "cert.pem", "is open to others"),
    ],
    ids=["another's key", "no key", "another keyring", "mode"],
)
def test_a_key_whose_bundles_no_board_would_take_is_refused_before_the_image_is_built(
    cert: str, key: str, keyring: str, message: str, signer: BundleSigner
) -> None:
    for program in ("rauc", "mksquashfs"):
        if shutil.which(program) is None:
            pytest.skip(f"NOT TESTED: no {program} (apt install rauc squashfs-tools)")
    folder = signer.cert.parent
    new_signer(folder, "stranger")
    for name, source, mode in (("open", signer.key, 0o644), ("no", signer.cert, 0o600)):
        (folder / f"{name}key.pem").write_bytes(source.read_bytes())
        (folder / f"{name}key.pem").chmod(mode)
    with pytest.raises(ConfigError, match=message):
        check_signer(BundleSigner(folder / cert, folder / key, folder / keyring))
    check_signer(signer)


def test_a_key_is_named_with_all_else_that_is_in_the_way(
    signer: BundleSigner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["image", str(tmp_path / "a.iso"), "--wheels", str(tmp_path), "--dry-run"]
    absent = str(tmp_path / "absent.pem")
    assert main([*words, "--rauc", "press", "--cert", str(signer.cert), "--key", absent]) == 2
    said = capsys.readouterr().err
    for fault in ("absent.pem: is no file", "wheels of lineside", "a file that ends in .img"):
        assert fault in said


def test_a_keyring_with_a_private_key_is_refused(signer: BundleSigner, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(signer.cert.read_bytes() + signer.key.read_bytes())
    with pytest.raises(ConfigError, match="it lies on every board"):
        read_two_systems("press", both, "1")


MEND = """
set -eu
env={env} own=B other=A
{function}
mend_environment
"""


def mended(env: Path) -> list[str]:
    """What grub-editenv finds after system-good.sh has looked at the file on system B."""
    if shutil.which("grub-editenv") is None:
        pytest.skip("NOT TESTED: no grub-editenv (apt install grub-common)")
    text = system_file("system-good.sh")
    function = text[text.index("mend_environment() {") : text.index("# As the first of ORDER")]
    subprocess.run(["sh", "-c", MEND.format(env=env, function=function)], check=True)
    words = ["grub-editenv", env, "list"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("left", [None, b"", b"# GRUB Environ"], ids=["absent", "empty", "cut"])
def test_an_environment_that_a_power_cut_left_is_written_anew(
    left: bytes | None, tmp_path: Path
) -> None:
    env = tmp_path / "grubenv"
    if left is not None:
        env.write_bytes(left)
    assert mended(env) == ["ORDER=B A", "B_OK=1", "B_TRY=0", "A_OK=0", "A_TRY=0"]
    assert env.stat().st_size == 1024


def test_a_whole_environment_is_left_as_it_is(tmp_path: Path) -> None:
    env = tmp_path / "grubenv"
    env.write_bytes(environment_block(FIRST))
    assert mended(env) == [f"{name}={value}" for name, value in FIRST.items()]
