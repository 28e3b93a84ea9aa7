"""Label, split and mask of every file by its folders; what has no place is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.folder_scan import FolderScan, LeftOut
from trainer.data.layouts.alike_names import WRAPPERS, may_hold_masks
from trainer.data.layouts.good_names import meaning
from trainer.data.layouts.mask_files import FoundMasks, find_masks
from trainer.data.layouts.mask_owners import is_mask_folder
from trainer.data.layouts.split_names import split_of

Steps = tuple[str, tuple[str, ...]]
"""The split that a file's folders name, and its folders without that one."""


@dataclass(frozen=True)
class FolderSample:
    """A file with what its folders say."""

    path: str
    label: str
    split: str = ""
    masks: tuple[str, ...] = ()


@dataclass(frozen=True)
class FolderLayout:
    """samples; left_out: the files that are none; masks: how many there are; above: the
    folders above the classes, which say nothing of them; notes: what is to be said of masks.
    """

    samples: list[FolderSample]
    left_out: list[LeftOut]
    masks: int = 0
    above: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_class_folders(
    root: Path,
    scan: FolderScan,
    kind: str,
    excluded: Sequence[str] = (),
    good: Collection[str] = (),
) -> FolderLayout:
    """What the folders of `scan` say of its files. excluded: the files that are left out of it,
    which may have masks among those that are not; good: labels that are stated to be good, beside
    those whose names say so.
    """
    is_image = kind == "image"
    found = find_masks(root, scan.files, excluded=excluded) if is_image else FoundMasks()
    pictures = [path for path in scan.files if path not in found.owner and path not in found.why]
    outer = _wrapper([PurePosixPath(path).parts[:-1] for path in pictures])
    steps = {path: _steps(path, int(outer)) for path in pictures}
    above: tuple[str, ...] = ()
    if not any(split for split, _ in steps.values()):
        above, steps = _below_the_first(root, steps, good)
    splits = any(split for split, _ in steps.values())
    wrapper = _wrapper([folders for _, folders in steps.values()])
    masks_of = found.masks_of()
    samples: list[FolderSample] = []
    left_out = list(scan.left_out)
    for path in pictures:
        split, folders = steps[path]
        folders = folders[1:] if wrapper else folders
        if splits and not split:
            left_out.append(LeftOut(path, "lies beside the folders train, val and test"))
        elif not folders:
            where = f"in {split} without" if split else "outside any"
            left_out.append(LeftOut(path, f"lies {where} class folder"))
        else:
            samples.append(FolderSample(path, folders[0], split, masks_of.get(path, ())))
    samples, like_masks = _without_like_masks(samples)
    left_out += like_masks
    left_out += [LeftOut(path, why) for path, why in sorted(found.why.items())]
    left_out += [LeftOut(folder, "a folder without a file") for folder in scan.empty]
    return FolderLayout(samples, left_out, len(found.owner), above, tuple(found.notes))


def _without_like_masks(
    samples: list[FolderSample],
) -> tuple[list[FolderSample], list[LeftOut]]:
    """The samples without a class that is named like masks and has the names of pictures of another
    class, and its pictures: it may be one of masks that do not look drawn.
    """
    stems: dict[str, set[str]] = defaultdict(set)
    for one in samples:
        stems[one.label].add(PurePosixPath(one.path).stem)
    doubtful = may_hold_masks(stems, {label for label in stems if is_mask_folder(label)})
    why = (
        "lies in a class named like masks, has the name of a picture of another class, and does "
        "not look like a mask: save masks in black and white, or give the folder another name"
    )
    left_out = [LeftOut(one.path, why) for one in samples if one.label in doubtful]
    return [one for one in samples if one.label not in doubtful], left_out


def _steps(path: str, outer: int) -> Steps:
    """The split that the first folder below `outer` others names, and the folders below it."""
    folders = PurePosixPath(path).parts[outer:-1]
    split = split_of(folders[0]) if folders else ""
    return split, folders[1:] if split else folders


def _below_the_first(
    root: Path, steps: Mapping[str, Steps], good: Collection[str]
) -> tuple[tuple[str, ...], dict[str, Steps]]:
    """Where classes hold the splits (ok/train, ok/test), or lots hold the classes (lot_1/ok,
    lot_1/scratch), the split or the class is the second folder of every file; below lots the other
    one is the third (lot_1/ok/train, lot_1/train/ok). The names of the lots, and the steps as they
    are meant. A file beside the splits of a class does not undo them.
    """
    inner = {path: split_of("".join(f[1:2])) for path, (_, f) in steps.items()}
    folders = [folders for _, folders in steps.values() if folders]
    if any(inner.values()):
        _refuse_half_a_split(root, steps, inner)
        lots = _lots([steps[path][1] for path, split in inner.items() if split], 2, good)
        kept = 0 if lots else 1
        return lots, {
            path: (split, steps[path][1][:kept] + steps[path][1][2:]) if split else steps[path]
            for path, split in inner.items()
        }
    if folders and (lots := _lots(folders, 1, good)):
        return lots, {path: (split_of("".join(f[2:3])), f[1:]) for path, (_, f) in steps.items()}
    if folders and (lots := _lots_in_one_folder(folders, good)):
        return lots, {path: ("", f[2:]) for path, (_, f) in steps.items()}
    return (), dict(steps)


def _refuse_half_a_split(root: Path, steps: Mapping[str, Steps], inner: Mapping[str, str]) -> None:
    """Raise DatasetError where files lie in folders of a split and others do not, unless each
    first folder of these others has files in both train and test: then the others are strays.
    """
    beside = [path for path, (_, f) in steps.items() if f and not inner[path]]
    splits: dict[str, set[str]] = defaultdict(set)
    for path, name in inner.items():
        splits["".join(steps[path][1][:1])].add(name)
    half = [path for path in beside if not {"train", "test"} <= splits[steps[path][1][0]]]
    if not half:
        return
    first = next((path for path in half if splits[steps[path][1][0]] == {""}), half[0])
    named = next(path for path, name in inner.items() if name)
    folder = steps[first][1][0]
    count = sum(steps[path][1][0] == folder for path in beside)
    raise DatasetError(
        f"{named} lies in a folder of train, val or test, but {count} files of {folder!r} do not, "
        f"the first {first}",
        where=str(root),
        cure="move them into such folders too; or rename those folders where they are no split; or "
        f'write dataset.toml with task, good and exclude = ["{first}"], which takes globs',
    )


def _lots(folders: Sequence[tuple[str, ...]], place: int, good: Collection[str]) -> tuple[str, ...]:
    """The names of the first folders where they say nothing and those at `place` name the good."""
    lots = {one[0] for one in folders}
    if any(len(one) <= place for one in folders) or not _say_nothing(lots, good):
        return ()
    names_good = any(one[place] in good or meaning(one[place]) == "good" for one in folders)
    return tuple(sorted(lots)) if names_good else ()


def _say_nothing(lots: Collection[str], good: Collection[str]) -> bool:
    return all(meaning(one) == "unknown" and one not in good for one in lots)


def _lots_in_one_folder(
    folders: Sequence[tuple[str, ...]], good: Collection[str]
) -> tuple[str, ...]:
    """The paths of lots in the one folder of all (fan/id_00/normal, fan/id_02/abnormal), where each
    name below them says good or bad, or one is stated to be good.
    """
    if not _lots(folders, 2, good) or len({one[0] for one in folders}) > 1:
        return ()
    lots, labels = ({one[place] for one in folders} for place in (1, 2))
    told = {meaning(one) for one in labels} <= {"good", "bad"}
    if not _say_nothing(lots, good) or not (told or labels & set(good)):
        return ()
    return tuple(sorted({"/".join(one[:2]) for one in folders}))


def _wrapper(folders: Sequence[tuple[str, ...]]) -> bool:
    """Whether all files that lie in a folder lie in one whose name is no class: one that is called
    like masks and holds every picture holds pictures of labels, or of masks.
    """
    firsts = {one[0].casefold() for one in folders if one}
    if len(firsts) != 1:
        return False
    return firsts <= WRAPPERS or (all(folders) and is_mask_folder(next(iter(firsts))))
