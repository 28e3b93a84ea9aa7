"""Masks that a fit cannot use as they lie: absent, of another type, broken, of another shape."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contracts.core.errors import DatasetError, InputError
from trainer.console.progress import Progress
from trainer.data.file_faults import Fault
from trainer.data.image.masks import header_of, placed_mask
from trainer.data.samples import Dataset


@dataclass(frozen=True)
class MaskCheck:
    """faults: masks to mend; notes: sentences on masks that are turned or scaled."""

    faults: list[Fault]
    notes: list[str]


def check_masks(dataset: Dataset, progress: Progress) -> MaskCheck:
    """Read every mask once, and hold it against its picture's size.

    Pictures that cannot be read are faults of their own: their masks are passed over.
    """
    owners = [(row, name) for row, one in enumerate(dataset.samples) for name in one.masks]
    faults: list[Fault] = []
    turned: list[str] = []
    scaled: list[str] = []
    if not owners:
        return MaskCheck([], [])
    with progress.steps("reading masks", len(owners)) as bar:
        for row, name in owners:
            bar.advance()
            if not _is_readable(dataset, row):
                continue
            try:
                placed = placed_mask(dataset, row, name)
            except InputError as error:
                faults.append(Fault(name, "mask", f"{error.what}: {error.cure}"))
                continue
            turned += [name] if placed.turned else []
            scaled += [name] if placed.scaled else []
    return MaskCheck(faults, _notes(turned, scaled))


def refuse_bad_masks(dataset: Dataset, progress: Progress) -> None:
    """Raise DatasetError where a mask cannot be used: models learn and are judged by them."""
    faults = check_masks(dataset, progress).faults
    if faults:
        first = faults[0]
        raise DatasetError(
            f"{len(faults)} masks cannot be used, the first {first.path}: {first.what}",
            where=str(dataset.root),
            cure="lineside-train check names all of them",
        )


def _is_readable(dataset: Dataset, index: int) -> bool:
    try:
        header_of(dataset.file(index))
    except InputError:
        return False
    return True


def _notes(turned: list[str], scaled: list[str]) -> list[str]:
    notes = []
    if turned:
        notes.append(
            f"{len(turned)} masks, the first {turned[0]}, have the size of their picture's file "
            "before its EXIF orientation: they are turned like it"
        )
    if scaled:
        notes.append(
            f"{len(scaled)} masks, the first {scaled[0]}, have another size than their picture and "
            "its aspect: they are scaled to it"
        )
    return notes
