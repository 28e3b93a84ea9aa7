"""Which pictures of a folder are masks of others: they show where a defect is, and are no samples.

Known: MVTec's ground_truth, folders masks/ or Label/, names like `x_mask.png`, `mask_x.png` or
`x_GT.png` (KolektorSDD2) and `x_label.bmp` (KolektorSDD), `x.png` beside `x.jpg` (magnetic tile),
and any folder of drawn pictures whose names are those of pictures in another folder.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.image.decode import read_image
from trainer.data.layouts.good_names import meaning

MASK_FOLDERS = frozenset(
    {
        "groundtruth", "gt", "mask", "masks", "segmentation", "segmentations", "segmentationclass",
        "segmentationobject", "labelmasks", "annotationmasks", "defectmasks", "annotation",
        "annotations", "label", "labels", "masken", "maske", "masque", "masques", "mascara",
        "mascaras", "máscaras", "maschere", "maschera", "маски", "маска", "掩码", "掩膜", "マスク",
    }
)  # fmt: skip
_ENDING = re.compile(r"[_\-. ](mask|masks|label|labels|gt|seg|segmentation|groundtruth)$", re.I)
_BEGINNING = re.compile(r"^(mask|masks|label|gt|seg|segmentation)[_\-. ]", re.I)
LOOKED_AT = 8
"""Pairs of one stem that are opened to see whether one of each is a mask."""
FEW_LEVELS = 8


def find_masks(root: Path, paths: Sequence[str]) -> dict[str, str]:
    """Mask -> the picture it belongs to, empty where there is none."""
    masks = {path: "" for path in paths if _in_mask_folder(path)}
    pictures = [path for path in paths if path not in masks]
    stems: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in pictures:
        stems[_key(path)].append(path)
    for path in pictures:
        bare = _bare_stem(path)
        owners = stems.get((str(PurePosixPath(path).parent), bare), [])
        if bare != PurePosixPath(path).stem and owners:
            masks[path] = owners[0]
    masks |= _beside(root, stems, masks)
    masks |= dict.fromkeys(_drawn_folders(root, pictures, masks), "")
    owners_of = _owners([path for path in pictures if path not in masks])
    return {mask: owner or _owner(mask, owners_of) for mask, owner in sorted(masks.items())}


def _in_mask_folder(path: str) -> bool:
    folders = PurePosixPath(path).parts[:-1]
    return any(_bare(folder) in MASK_FOLDERS for folder in folders)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _key(path: str) -> tuple[str, str]:
    pure = PurePosixPath(path)
    return str(pure.parent), pure.stem


def _beside(
    root: Path, stems: dict[tuple[str, str], list[str]], known: dict[str, str]
) -> dict[str, str]:
    """Pairs `x.jpg` and `x.png` of which every second one shows a few levels only."""
    pairs = [
        sorted(paths, key=lambda path: path.lower().endswith((".png", ".bmp")))
        for paths in stems.values()
        if len(paths) == 2 and not any(path in known for path in paths)
    ]
    step = max(1, len(pairs) // LOOKED_AT)
    if not pairs or not all(_is_drawn(root, *pair) for pair in pairs[::step]):
        return {}
    return {mask: picture for picture, mask in pairs}


def _bare_stem(path: str) -> str:
    """The stem without what marks a mask."""
    return _BEGINNING.sub("", _ENDING.sub("", PurePosixPath(path).stem))


def _drawn_folders(root: Path, pictures: Sequence[str], known: dict[str, str]) -> list[str]:
    """The pictures of folders that hold drawings of what lies in other folders, name by name."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in pictures:
        if path not in known:
            folders[str(PurePosixPath(path).parent)].append(path)
    homes: dict[str, dict[str, str]] = defaultdict(dict)
    for folder, paths in folders.items():
        for path in paths:
            homes[PurePosixPath(path).stem][folder] = path
    found: list[str] = []
    for folder, paths in folders.items():
        pairs = [(_elsewhere(homes.get(_bare_stem(path), {}), folder), path) for path in paths]
        step = max(1, len(pairs) // LOOKED_AT)
        if all(owner for owner, _ in pairs) and all(_is_drawn(root, *p) for p in pairs[::step]):
            found += paths
    return found


def _elsewhere(homes: dict[str, str], folder: str) -> str:
    """The last of the pictures of one stem (folder -> path) that lies in another folder."""
    return next((path for home, path in reversed(homes.items()) if home != folder), "")


def _is_drawn(root: Path, picture: str, mask: str) -> bool:
    """Whether one of the two has a few levels and the other many."""
    try:
        levels = [len(np.unique(read_image(root / path, 16))) for path in (picture, mask)]
    except InputError:
        return False
    return levels[1] <= FEW_LEVELS < levels[0]


def _owners(pictures: Sequence[str]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = defaultdict(list)
    for path in pictures:
        owners[PurePosixPath(path).stem].append(path)
    return owners


def _owner(mask: str, owners: dict[str, list[str]]) -> str:
    """The picture of the same stem that shares most folders with the mask."""
    stem = PurePosixPath(mask).stem
    candidates = owners.get(stem) or owners.get(_bare_stem(mask)) or []
    candidates = [
        path for path in candidates if meaning(PurePosixPath(path).parent.name) != "good"
    ] or candidates
    folders = {_bare(part) for part in PurePosixPath(mask).parts[:-1]} - MASK_FOLDERS
    shared = [
        len(folders & {_bare(part) for part in PurePosixPath(p).parts[:-1]}) for p in candidates
    ]
    if not candidates or (shared.count(max(shared)) > 1 and len(candidates) > 1):
        return ""
    return candidates[shared.index(max(shared))]
