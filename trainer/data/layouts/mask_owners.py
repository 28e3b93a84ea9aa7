"""Which picture a mask belongs to: by its stem, or by a folder that is called like the picture.

MVTec LOCO has a folder for each picture (`ground_truth/dent/004/000.png` is a mask of
`test/dent/004.png`), everybody else the picture's stem.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath

from trainer.data.layouts.good_names import meaning

SURE_FOLDERS = frozenset(
    {
        "groundtruth", "gt", "segmentation", "segmentations", "segmentationclass",
        "segmentationobject", "labelmasks", "annotationmasks", "defectmasks", "annotation",
        "annotations",
    }
)  # fmt: skip
"""Folders that are called as no product is."""
MASK_FOLDERS = SURE_FOLDERS | {
    "mask", "masks", "label", "labels", "masken", "maske", "masque", "masques", "mascara",
    "mascaras", "máscaras", "maschere", "maschera", "маски", "маска", "掩码", "掩膜", "マスク",
}  # fmt: skip
PICTURE_WORDS = frozenset({"images", "image", "imgs", "img", "pictures"})
_SURE = "mask|masks|gt|seg|segmentation"
_ENDING = re.compile(rf"[_\-. ]({_SURE}|label|labels|groundtruth)$", re.I)
_SURE_ENDING = re.compile(rf"[_\-. ]({_SURE}|groundtruth)$", re.I)
_BEGINNING = re.compile(rf"^({_SURE}|label)[_\-. ]", re.I)
_SURE_BEGINNING = re.compile(rf"^({_SURE})[_\-. ]", re.I)


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
    """The pictures that may have a mask, and the names of the folders they lie in. by_place: those
    of a stem that lie below a folder: thousands of parts may each have a picture of one stem.
    """

    by_stem: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_place: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    places_of: dict[str, frozenset[str]] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, pictures: Iterable[str]) -> Owners:
        """The owners among `pictures`."""
        owners = cls()
        for path in pictures:
            stem, places = PurePosixPath(path).stem, _places(path)
            owners.by_stem[stem].append(path)
            for place in places:
                owners.by_place[stem, place].append(path)
            owners.places_of[path] = places
            owners.places |= places
        return owners

    def candidates(self, mask: str) -> list[str]:
        """The pictures that `mask` may belong to: one is its owner, several cannot be told apart.

        Folders that hold pictures and lie above the mask must lie above its picture too.
        """
        folders = _places(mask)
        named = self._named_below(mask, folders & self.places)
        bad = [one for one in named if meaning(PurePosixPath(one).parent.name) != "good"]
        exact = [one for one in named if self.places_of[one] == folders]
        return exact or bad or named

    def lose(self, mask: str, others: Owners) -> bool:
        """Whether `mask` belongs to one of `others`, which lies below more of its folders than any
        picture here, or below as many where no picture here has its name.
        """
        folders = _places(mask)
        asked = folders & self.places
        if any(others._named_below(mask, asked | {one}) for one in folders - asked):
            return True
        return not self._named_below(mask, asked) and bool(others._named_below(mask, asked))

    def _named_below(self, mask: str, asked: frozenset[str]) -> list[str]:
        """The pictures of the mask's name that lie below all folders `asked`."""
        stem = self._stem(mask)
        if not asked or not stem:
            return self.by_stem.get(stem, [])
        # The fewest are looked through: of one stem and one part there is mostly one picture.
        few = min((self.by_place.get((stem, place), []) for place in asked), key=len)
        return [one for one in few if asked <= self.places_of[one]]

    def _stem(self, mask: str) -> str:
        """The stem of the pictures that a mask is named after, empty where there is none."""
        pure = PurePosixPath(mask)
        folder = next((one for one in reversed(pure.parts[:-1]) if not is_mask_folder(one)), "")
        if folder in self.by_stem and _place(folder) not in self.places:
            return folder
        stems = (pure.stem, bare_stem(mask), folder)
        return next((one for one in stems if one in self.by_stem), "")


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _places(path: str) -> frozenset[str]:
    return frozenset(_place(folder) for folder in PurePosixPath(path).parts[:-1]) - {""}


@cache
def _place(folder: str) -> str:
    """A folder's name without what says that it holds masks or pictures: train_masks lies beside
    train, or beside train_images.
    """
    if is_mask_folder(folder):
        return ""
    words = re.split(r"[\W_]+", folder.casefold())
    return "".join(word for word in words if word not in MASK_FOLDERS | PICTURE_WORDS)
