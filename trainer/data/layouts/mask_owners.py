"""Which picture a mask belongs to: by its stem, or by a folder that is called like the picture.

MVTec LOCO has a folder for each picture (`ground_truth/dent/004/000.png` is a mask of
`test/dent/004.png`), everybody else the picture's stem.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from trainer.data.layouts.good_names import meaning

MASK_FOLDERS = frozenset(
    {
        "groundtruth", "gt", "mask", "masks", "segmentation", "segmentations", "segmentationclass",
        "segmentationobject", "labelmasks", "annotationmasks", "defectmasks", "annotation",
        "annotations", "label", "labels", "masken", "maske", "masque", "masques", "mascara",
        "mascaras", "máscaras", "maschere", "maschera", "маски", "маска", "掩码", "掩膜", "マスク",
    }
)  # fmt: skip
SURE_FOLDERS = frozenset(
    {
        "groundtruth", "gt", "segmentation", "segmentations", "segmentationclass",
        "segmentationobject", "labelmasks", "annotationmasks", "defectmasks", "annotation",
        "annotations",
    }
)  # fmt: skip
PICTURE_WORDS = frozenset({"images", "image", "imgs", "img", "pictures"})
_ENDING = re.compile(r"[_\-. ](mask|masks|label|labels|gt|seg|segmentation|groundtruth)$", re.I)
_SURE_ENDING = re.compile(r"[_\-. ](mask|masks|gt|seg|segmentation|groundtruth)$", re.I)
_SURE_BEGINNING = re.compile(r"^(mask|masks|gt|seg|segmentation)[_\-. ]", re.I)
_BEGINNING = re.compile(r"^(mask|masks|label|gt|seg|segmentation)[_\-. ]", re.I)


def is_mask_folder(folder: str) -> bool:
    """Whether a folder is called as those that hold masks."""
    return _bare(folder) in MASK_FOLDERS


def is_surely_mask(name: str, *, in_folder: bool) -> bool:
    """Whether a folder, or the stem of a file, is called as no product is."""
    if in_folder:
        return _bare(name) in SURE_FOLDERS
    return bool(_SURE_ENDING.search(name) or _SURE_BEGINNING.search(name))


def bare_stem(path: str) -> str:
    """The stem without what marks a mask."""
    return _BEGINNING.sub("", _ENDING.sub("", PurePosixPath(path).stem))


@dataclass
class Owners:
    """The pictures that may have a mask, and the names of the folders they lie in."""

    by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    places: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, pictures: Iterable[str]) -> Owners:
        """The owners among `pictures`."""
        owners = cls()
        for path in pictures:
            owners.by_stem[PurePosixPath(path).stem].append(path)
            owners.places |= _places(path)
        return owners

    def candidates(self, mask: str) -> list[str]:
        """The pictures that `mask` may belong to: one is its owner, several cannot be told apart.

        Folders that hold pictures and lie above the mask must lie above its picture too.
        """
        folders = _places(mask)
        asked = folders & self.places
        named = [one for one in self._named(mask) if asked <= _places(one)]
        shared = {one: len(folders & _places(one)) for one in named}
        nearest = [one for one in named if shared[one] == max(shared.values())]
        bad = [one for one in nearest if meaning(PurePosixPath(one).parent.name) != "good"]
        exact = [one for one in nearest if _places(one) == folders]
        return exact or bad or nearest

    def _named(self, mask: str) -> list[str]:
        pure = PurePosixPath(mask)
        folder = next((one for one in reversed(pure.parts[:-1]) if not is_mask_folder(one)), "")
        if folder in self.by_stem and _place(folder) not in self.places:
            return self.by_stem[folder]
        stems = (pure.stem, bare_stem(mask), folder)
        return next((self.by_stem[one] for one in stems if one in self.by_stem), [])


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _places(path: str) -> set[str]:
    return {_place(folder) for folder in PurePosixPath(path).parts[:-1]} - {""}


def _place(folder: str) -> str:
    """A folder's name without what says that it holds masks or pictures: train_masks lies beside
    train, or beside train_images.
    """
    if is_mask_folder(folder):
        return ""
    words = re.split(r"[\W_]+", folder.casefold())
    return "".join(word for word in words if word not in MASK_FOLDERS | PICTURE_WORDS)
