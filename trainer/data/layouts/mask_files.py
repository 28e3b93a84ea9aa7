"""Which pictures of a folder are masks of others: they show where a defect is, and are no samples.

Known: MVTec's ground_truth, folders masks/ or Label/, names like `x_mask.png`, `mask_x.png` or
`x_GT.png` (KolektorSDD2) and `x_label.bmp` (KolektorSDD), `x.png` beside `x.jpg` (magnetic tile),
and any folder of drawn pictures whose names are those of pictures in another folder. Folders that
are called mask or label, and names that end in label, may be products: what lies there must look
drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from trainer.data.layouts.alike_names import inspected_products, may_hold_masks
from trainer.data.layouts.mask_look import Told, is_mask_of, may_be_mask, told_by_look
from trainer.data.layouts.mask_owners import Owners, bare_stem, is_mask_folder, is_surely_mask

NO_PICTURE = (
    "looks like a mask, but of no picture that is there: give it the name of its picture, or its "
    "folder another name where that is a class"
)
ODD = (
    "is named or lies like the masks beside it, but does not look like one: save a mask in black "
    "and white, or move a picture to another folder"
)


@dataclass
class FoundMasks:
    """owner: mask -> the picture it belongs to, empty where none is known; why: of each mask
    without a picture, and of what lies among masks and looks like none, what is the matter;
    unclear: those of them that could be of several pictures; notes: sentences on what names and
    looks say differently.
    """

    owner: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def masks_of(self) -> dict[str, tuple[str, ...]]:
        """Picture -> its masks, of which there may be several."""
        masks: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for mask, picture in self.owner.items():
            if picture:
                masks[picture] += (mask,)
        return dict(masks)


def find_masks(
    root: Path,
    paths: Sequence[str],
    listed: Collection[str] = (),
    excluded: Collection[str] = (),
) -> FoundMasks:
    """The masks among `paths`. listed: the pictures of a list, which are no masks, and the only
    ones that have some; empty where there is no list. excluded: what is left out of `paths`: a
    mask that lies as such a picture does belongs to no other one.
    """
    found = FoundMasks()
    samples = set(listed)
    sure, doubtful = _named(paths, samples)
    _take(found, Told(masks=sure))
    for name, named in doubtful.items():
        told = told_by_look(named, partial(may_be_mask, root))
        _take(found, told)
        if not told.masks:
            found.notes.append(
                f"{len(named)} pictures are named like masks ({name}), but look like photographs: "
                f"they are no masks{_but(told)}"
            )
    _take_pairs(root, found, [path for path in paths if not _is_known(found, path)], samples)
    _take_drawn(root, found, [path for path in paths if not _is_known(found, path)], samples)
    pictures = {path for path in paths if not _is_known(found, path)}
    others = {path for path in excluded if not _mask_folder(path)}
    owners = samples or pictures
    _find_owners(found, owners, (pictures | others) - owners)
    return found


def _is_known(found: FoundMasks, path: str) -> bool:
    return path in found.owner or path in found.why


def _take(found: FoundMasks, told: Told) -> None:
    found.owner |= dict.fromkeys(told.masks, "")
    found.why |= dict.fromkeys(told.odd, ODD)


def _but(told: Told) -> str:
    return f", also {told.few[0]}, which looks like a mask" if told.few else ""


def _named(
    paths: Sequence[str], samples: Collection[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """The pictures that are named as no product is, and those that are named like masks, by the
    name of the folder or by the file's.
    """
    sure: list[str] = []
    named: dict[str, list[str]] = defaultdict(list)
    stems = {_key(path) for path in paths}
    products = inspected_products(paths)
    for path in paths:
        pure = PurePosixPath(path)
        folder = _mask_folder(path)
        folder = "" if folder.casefold() in products else folder
        bare = bare_stem(path)
        if path in samples:
            continue
        beside = bare != pure.stem and (str(pure.parent), bare) in stems
        if is_surely_mask(folder if folder else pure.stem, in_folder=bool(folder)):
            if folder or beside:
                sure.append(path)
        elif folder:
            named[f"folder {folder}"].append(path)
        elif beside:
            named[f"{pure.stem.replace(bare, 'NAME')}{pure.suffix}"].append(path)
    return sure, named


def _mask_folder(path: str) -> str:
    return next((one for one in PurePosixPath(path).parts[:-1] if is_mask_folder(one)), "")


def _key(path: str) -> tuple[str, str]:
    pure = PurePosixPath(path)
    return str(pure.parent), pure.stem


def _take_pairs(
    root: Path, found: FoundMasks, pictures: Sequence[str], samples: Collection[str]
) -> None:
    """Pairs `x.jpg` and `x.png`, of which the second one is a mask or another picture."""
    stems: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in pictures:
        stems[_key(path)].append(path)
    pairs = [
        sorted(both, key=lambda path: path.lower().endswith((".png", ".bmp")))
        for both in stems.values()
        if len(both) == 2
    ]
    picture_of = {mask: picture for picture, mask in pairs if mask not in samples}
    masks = list(picture_of)
    told = told_by_look(masks, partial(_is_drawing, root, picture_of, soft=True))
    _take(found, told)
    if masks and not told.masks and not samples:
        found.notes.append(
            f"{len(masks)} pairs of one name, as {picture_of[masks[0]]} and {masks[0]}, are taken "
            f"as two pictures each{_but(told)}"
        )


def _take_drawn(
    root: Path, found: FoundMasks, pictures: Sequence[str], samples: Collection[str]
) -> None:
    """Folders of drawings of what lies in other folders, name by name: masks, or a class of parts
    with few levels that are numbered like others.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for path in pictures:
        folders[str(PurePosixPath(path).parent)].append(path)
    drawn = _drawn_folders(root, folders, samples)
    stems = {folder: {bare_stem(path) for path in paths} for folder, paths in folders.items()}
    masks = set(drawn) if samples else may_hold_masks(stems, set(drawn))
    products = inspected_products(pictures)
    for folder, told in drawn.items():
        count = f"folder {folder}: its {len(told.masks)} pictures look like masks and have names of"
        if folder in masks:
            _take(found, told)
            found.notes.append(
                f"{count} pictures elsewhere: they are masks; where they are a class, give them "
                "names that no other picture has"
            )
        elif PurePosixPath(folder).name.casefold() not in products:
            found.notes.append(
                f"{count} pictures elsewhere, as classes that are numbered alike do: they are a "
                "class; where they are masks, call the folder masks"
            )


def _drawn_folders(
    root: Path, folders: Mapping[str, Sequence[str]], samples: Collection[str]
) -> dict[str, Told]:
    """The folders that hold drawings alone, each of a picture of the same name elsewhere."""
    homes: dict[str, dict[str, str]] = defaultdict(dict)
    for folder, paths in folders.items():
        for path in paths:
            homes[PurePosixPath(path).stem][folder] = path
    found: dict[str, Told] = {}
    for folder, paths in folders.items():
        unlisted = [path for path in paths if path not in samples]
        owner = {path: _elsewhere(homes.get(bare_stem(path), {}), folder) for path in unlisted}
        if unlisted and all(owner.values()):
            told = told_by_look(unlisted, partial(_is_drawing, root, owner, soft=False))
            # No name says so here: a class of which one picture is a photograph is a class.
            if told.masks and not told.odd:
                found[folder] = told
    return found


def _is_drawing(root: Path, owner: Mapping[str, str], path: str, *, soft: bool) -> bool:
    return is_mask_of(root, owner[path], path, soft=soft)


def _elsewhere(homes: dict[str, str], folder: str) -> str:
    """The last of the pictures of one stem (folder -> path) that lies in another folder."""
    return next((path for home, path in reversed(homes.items()) if home != folder), "")


def _find_owners(found: FoundMasks, pictures: Collection[str], others: Collection[str]) -> None:
    """Owners among `pictures`; what belongs to one of `others` stays without, as is meant."""
    owners, strangers = Owners.of(sorted(pictures)), Owners.of(sorted(others))
    for mask in sorted(found.owner):
        if owners.lose(mask, strangers):
            continue
        candidates = owners.candidates(mask)
        found.owner[mask] = candidates[0] if len(candidates) == 1 else ""
        if not candidates:
            found.why[mask] = NO_PICTURE
        elif len(candidates) > 1:
            found.unclear.append(mask)
            found.why[mask] = _unclear(candidates)
    found.owner = dict(sorted(found.owner.items()))


def _unclear(candidates: Sequence[str]) -> str:
    """Why a mask has no picture though there are some of its name, and what to do."""
    folders = sorted({str(PurePosixPath(path).parent) for path in candidates})
    if len(folders) == 1 or "." in folders:
        return (
            "looks like a mask, but several pictures have its name "
            f"({candidates[0]}, {candidates[1]}): name it in the column mask of labels.csv"
        )
    return (
        f"looks like a mask, but a picture of its name lies in {' and in '.join(folders)}: move it "
        f"into a folder masks/{folders[0]} or masks/{folders[1]}, as its picture lies"
    )
