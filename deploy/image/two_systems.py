"""What makes an image one of two systems, of which RAUC writes the one that does not run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Template

from deploy.carriers.rauc_system import ROOT, write_system_bundle
from deploy.image.layout import MIB, Span
from deploy.image.system_files import TWO_SYSTEMS, system_file, write_files
from edge_agent.contracts.core.errors import ConfigError

PACKAGES = "grub-common,grub-efi-arm64-bin,rauc,rauc-service"
"""grub-common: grub-editenv, which RAUC calls."""

SYSTEM = "usr/lib/lineside/system"
"""Names this system among all; init.sh and system-good.sh know it by this file."""

STATE = "var/lib/lineside-system"
"""Where RAUC and system-good.sh keep what they know of the systems."""


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
    """Who signs RAUC's bundles: a certificate and its key, files in PEM."""

    cert: Path
    key: Path


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
        write_system_bundle(folder, out, chosen.compatible, chosen.version, signer.cert, signer.key)


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
