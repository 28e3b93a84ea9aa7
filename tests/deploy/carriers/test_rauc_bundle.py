"""RAUC itself packs a folder, and says what it packed; where it fails, nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.carriers.rauc_bundle import HEAD, write_bundle
from edge_agent.contracts.core.errors import StorageError

pytestmark = pytest.mark.skipif(
    shutil.which("rauc") is None or shutil.which("mksquashfs") is None,
    reason="rauc is not installed (apt install rauc squashfs-tools)",
)
OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -batch"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "root.img").write_bytes(bytes(4096))
    return folder


@pytest.fixture
def signer(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = [*OPENSSL.split(), "-subj", "/CN=plant", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(words, check=True, capture_output=True)
    return cert, key


def manifest(version: str) -> str:
    head = HEAD.format(compatible="press", version=version, form="plain")
    return f"{head}[image.rootfs]\nfilename=root.img\n"


def test_the_bundle_is_what_the_manifest_says(
    content: Path, signer: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.raucb"
    write_bundle(content, manifest("1.2.0"), out, *signer, ["--mksquashfs-args=-comp gzip"])
    words = ["rauc", f"--keyring={signer[0]}", "info", "--output-format=shell", str(out)]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert "RAUC_MF_COMPATIBLE='press'" in said
    assert "RAUC_MF_VERSION='1.2.0'" in said


def test_a_bundle_of_before_stays_where_rauc_fails(
    content: Path, signer: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.raucb"
    write_bundle(content, manifest("1.2.0"), out, *signer)
    before = out.read_bytes()
    with pytest.raises(StorageError, match="rauc"):
        write_bundle(content, manifest("1.3.0"), out, signer[0], tmp_path / "absent.pem")
    assert out.read_bytes() == before
    write_bundle(content, manifest("1.3.0"), out, *signer)
    assert out.read_bytes() != before
