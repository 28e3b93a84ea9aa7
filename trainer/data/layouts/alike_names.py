"""Folders that may hold masks of the pictures in others, by the names of files and folders alone.

Pictures are numbered alike in many class folders, so that equal names say little: masks have one
picture each, and what is left when they are taken out still has classes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from trainer.data.layouts.good_names import NEGATIONS, meaning
from trainer.data.layouts.mask_owners import MASK_FOLDERS, SURE_FOLDERS

WRAPPERS = frozenset({"images", "image", "imgs", "img", "pictures", "data", "jpegimages", "photos"})
"""Folders that say what is in them, not of which class it is."""


def may_hold_masks(folders: Mapping[str, Collection[str]], suspects: Collection[str]) -> set[str]:
    """Those of `suspects` that may hold masks. folders: each folder with its stems; suspects: those
    that look so.

    Each of their stems is in one other folder alone, or in one of the same last name; beside them
    are two classes, or a folder that says that it holds pictures.
    """
    names = {PurePosixPath(folder).name.casefold() for folder in folders if folder not in suspects}
    if len(names) < 2 and not names & WRAPPERS:
        return set()
    homes: dict[str, set[str]] = defaultdict(set)
    for folder, stems in folders.items():
        for stem in stems if folder not in suspects else ():
            homes[stem].add(folder)
    return {one for one in suspects if _is_beside_its_pictures(one, folders[one], homes)}


def _is_beside_its_pictures(
    folder: str, stems: Collection[str], homes: Mapping[str, set[str]]
) -> bool:
    name = PurePosixPath(folder).name
    if all(name in {PurePosixPath(one).name for one in homes.get(stem, ())} for stem in stems):
        return True
    said = meaning(name) in ("good", "bad")
    return not said and all(len(homes.get(stem, ())) == 1 for stem in stems)


def inspected_products(paths: Iterable[str]) -> frozenset[str]:
    """Folders called like masks that are classes, since others name the lack of such a product:
    `mask` beside `no_mask`; in lower case. None where a folder says that it holds pictures.
    """
    folders = {part.casefold() for path in paths for part in PurePosixPath(path).parts[:-1]}
    if folders & WRAPPERS:
        return frozenset()
    lacking: set[str] = set()
    for folder in folders:
        words = set(re.split(r"[\W_]+", folder))
        if words & NEGATIONS:
            lacking |= {word.rstrip("s") for word in words & (MASK_FOLDERS - SURE_FOLDERS)}
    return frozenset(folder for folder in folders if folder.rstrip("s") in lacking)
