"""What makes an image one of two systems, of which RAUC writes the one that does not run."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

from deploy.carriers.rauc_system import ROOT, write_system_bundle
from deploy.image.layout import MIB, Span
from deploy.image.system_files import TWO_SYSTEMS, system_file, write_files
from deploy.image.workstation import BUNDLE_TOOLS
from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.secret_file import refuse_open

PACKAGES = "grub-common,grub-efi-arm64-bin,rauc,rauc-service"
"""grub-common: grub-editenv, which RAUC calls."""

SYSTEM = "usr/lib/lineside/system"
"""Names this system among all; init.sh and system-good.sh know it by this file."""

STATE = "var/lib/lineside-system"
"""Where RAUC and system-good.sh keep what they know of the systems."""


SMALL_BYTES = 16 << 10
"""rauc takes no bundle that packs to less than a block."""


@dataclass(frozen=True)
class TwoSystems:
    """compatible: which boards take a bundle. keyring: certificates whose bundles they take, PEM.

    version: of this system.
    """

    compatible: str
    keyring: bytes
    version: str


@dataclass(frozen=True)
class BundleSigner:
    """Who signs RAUC's bundles: a certificate and its key, files in PEM.

    keyring: the certificates by which boards check them.
    """

    cert: Path
    key: Path
    keyring: Path


def system_version(wheels: Sequence[Path], now: datetime) -> str:
    """The agent's version and when the image was built, for Debian's packages have no version."""
    own = next(path.name.split("-")[1] for path in wheels if path.name.startswith("lineside-"))
    return f"{own}+{now:%Y%m%dT%H%M%SZ}"


def read_two_systems(compatible: str, keyring: Path, version: str) -> TwoSystems:
    """Raises ConfigError for a name that system.conf cannot hold, and for a file without
    certificates.
    """
    if not re.fullmatch(r"[\w.+-]{1,64}", compatible):
        cure = "letters, digits and . _ + -"
        raise ConfigError(
            f"{compatible!r} is no name of a kind of board", where="--rauc", cure=cure
        )
    try:
        text = keyring.read_bytes()
    except OSError as error:
        cure = "name the certificate whose key signs the bundles, or its authority's"
        raise ConfigError(
            f"cannot be read ({error.strerror})", where=str(keyring), cure=cure
        ) from error
    if b"-----BEGIN CERTIFICATE-----" not in text or b"PRIVATE KEY" in text:
        cure = "a file in PEM of certificates alone: it lies on every board"
        raise ConfigError("has no certificate, or a private key", where=str(keyring), cure=cure)
    return TwoSystems(compatible, text, version)


def check_signer(signer: BundleSigner) -> None:
    """Raise ConfigError where boards would refuse what `signer` signs.

    rauc signs a small bundle and checks it by the keyring, as a board does; where rauc is not
    installed nothing is checked, for check_workstation names that.
    """
    if not signer.key.is_file():
        raise ConfigError("is no file", where=str(signer.key), cure="name the key of --cert")
    refuse_open(signer.key, "the private key")
    if any(shutil.which(program) is None for program in BUNDLE_TOOLS):
        return
    with tempfile.TemporaryDirectory() as name:
        content = Path(name) / "content"
        content.mkdir()
        (content / ROOT).write_bytes(os.urandom(SMALL_BYTES))
        try:
            _write_bundle(content, Path(name) / "small.raucb", "none", "0", signer)
        except StorageError as error:
            what = f"boards would take no bundle of it (rauc {' '.join(error.what.split())})"
            cure = "name the key of --cert, and a valid certificate that --keyring knows"
            raise ConfigError(what, where=str(signer.key), cure=cure) from error


def write_two_systems(root: Path, chosen: TwoSystems) -> None:
    """Write RAUC's configuration, the station's gate and the system's name below `root`."""
    write_files(root, TWO_SYSTEMS)
    rauc = root / "etc/rauc"
    rauc.mkdir(parents=True, exist_ok=True)
    text = Template(system_file("rauc.txt")).substitute(compatible=chosen.compatible)
    (rauc / "system.conf").write_text(text)
    (rauc / "keyring.pem").write_bytes(chosen.keyring)
    (root / SYSTEM).write_text(f"{chosen.version}\n")
    (root / STATE).mkdir(parents=True, exist_ok=True)


def write_update(
    image: Path, system: Span, out: Path, chosen: TwoSystems, signer: BundleSigner
) -> None:
    """Write RAUC's bundle `out` of the file system at `system` of `image`.

    Raises DeviceError where rauc is not installed, StorageError where it fails.
    """
    with tempfile.TemporaryDirectory(dir=image.parent) as name:
        folder = Path(name)
        _cut_out(image, system, folder / ROOT)
        _write_bundle(folder, out, chosen.compatible, chosen.version, signer)


def _write_bundle(
    folder: Path, out: Path, compatible: str, version: str, signer: BundleSigner
) -> None:
    cert, key, keyring = signer.cert, signer.key, signer.keyring
    write_system_bundle(folder, out, compatible, version, cert, key, keyring=keyring)


def _cut_out(image: Path, span: Span, out: Path) -> None:
    """Copy bytes of an image, with holes where it has nothing but zeros."""
    with image.open("rb") as source, out.open("wb") as target:
        source.seek(span.start)
        target.truncate(span.size)
        for at in range(0, span.size, MIB):
            chunk = source.read(min(MIB, span.size - at))
            if chunk.count(0) != len(chunk):
                target.seek(at)
                target.write(chunk)
