"""A workshop with a signing key, for tests of slots and pushes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.signing.keys import Keyring
from deploy.signing.metadata import Life, utc
from deploy.signing.new_keys import make_keys
from deploy.signing.release import release_bundles
from deploy.signing.repository import FIRST_LINE, Repository
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.model.bundle import read_bundle, write_bundle
from tests.station_kit import IMAGE_SPEC, write_image_bundle


@dataclass(frozen=True)
class Workshop:
    """A folder with keys, releases, and bundles named `brightness`. public: root.json."""

    folder: Path
    public: Path
    life: Life | None = None

    @property
    def keys(self) -> Path:
        """The folder of the keys."""
        return self.public.parent

    def inverted(self, version: str) -> Path:
        """A signed bundle that takes dark parts for good ones."""
        path = self.folder / f"brightness-{version}.bundle"
        write_image_bundle(path, spec=IMAGE_SPEC.model_copy(update={"good": ["dark"]}))
        plain = read_bundle(path)
        manifest = plain.manifest.model_copy(update={"version": version})
        write_bundle(path, manifest, plain.files)
        self.sign(path)
        return path

    def unsigned(self, version: str = "1.0.0", note: str = "", score_off: float = 0.0) -> Path:
        """A bundle of `version`; another `note` makes another bundle of the same version."""
        path = self.folder / f"brightness-{version}{note}.bundle"
        write_image_bundle(path, score_off)
        plain = read_bundle(path)
        manifest = plain.manifest.model_copy(update={"version": version, "target": f"any{note}"})
        write_bundle(path, manifest, plain.files)
        return path

    def signed(self, version: str = "1.0.0", note: str = "", score_off: float = 0.0) -> Path:
        """The same, signed with the workshop's key."""
        path = self.unsigned(version, note, score_off)
        self.sign(path)
        return path

    def sign(self, *paths: Path) -> None:
        """Release bundles, and sign them in place."""
        release_bundles(list(paths), FIRST_LINE, self.repository())

    def repository(self, life: Life | None = None) -> Repository:
        """The folder of releases."""
        return Repository(self.folder / "releases", Keyring(self.keys), life or self.life or now())


def open_workshop(folder: Path, life: Life | None = None) -> Workshop:
    """A workshop with new keys; life: when it signs, by default now."""
    return Workshop(folder, make_keys(Keyring(folder / "keys"), life or now()), life)


def make_keys_now(folder: Path) -> Path:
    """New keys in `folder`; the path of root.json."""
    return make_keys(Keyring(folder), now())


def now() -> Life:
    """Signed by the machine's clock."""
    return Life(utc(SystemClock().utc_ns()))
