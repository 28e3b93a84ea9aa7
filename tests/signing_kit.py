"""A workshop with a signing key, for tests of slots and pushes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.signing.keys import make_keys, read_keys
from deploy.signing.sign import sign_bundle
from edge_agent.contracts.model.bundle import read_bundle, write_bundle
from tests.station_kit import write_image_bundle


@dataclass(frozen=True)
class Workshop:
    """A folder with a key pair and signed bundles named `brightness`."""

    folder: Path
    public: Path

    @property
    def keys(self) -> Path:
        """The folder of the pair."""
        return self.public.parent

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
        sign_bundle(path, read_keys(self.keys))
        return path


def open_workshop(folder: Path) -> Workshop:
    """A workshop with a new key."""
    return Workshop(folder, make_keys(folder / "keys"))
