"""What the folders make of files without being asked: joined in a label, or counted twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from edge_agent.contracts.core.folder_scan import count_by_reason
from trainer.data.names_below import folders_below
from trainer.data.samples import Dataset, Sample

MOST_NAMED = 3


def layout_notes(samples: Sequence[Sample], kind: str) -> tuple[str, ...]:
    """A sentence for each; none where there is nothing to say. Of pictures the copies are found by
    what they show.
    """
    twice = _in_two_formats(samples) if kind == "vibration" else ""
    return tuple(said for said in (_joined(samples), twice) if said)


def left_out_notes(dataset: Dataset) -> list[str]:
    """A sentence for each reason why files that somebody put there are no samples."""
    return count_by_reason(one for one in dataset.left_out if not one.harmless)


def _joined(samples: Sequence[Sample]) -> str:
    """Which labels hold several folders, whose names are of no account."""
    folders: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if below := folders_below(sample):
            above = PurePosixPath(below[0]).parent
            folders[sample.label].add(PurePosixPath(below[-1]).relative_to(above).as_posix())
    several = [
        f"{label} ({_some(sorted(names))})"
        for label, names in sorted(folders.items())
        if len(names) > 1
    ]
    if not several:
        return ""
    return (
        f"folders below a label are joined in it: {_some(several)}; to keep them apart, list the "
        "files in labels.csv with path,label"
    )


def _in_two_formats(samples: Sequence[Sample]) -> str:
    """Files of one label and one name with several suffixes, as a recording saved twice."""
    alike: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for sample in samples:
        pure = PurePosixPath(sample.path)
        alike[sample.label, pure.stem].setdefault(pure.suffix.lower(), sample.path)
    twice = [paths for paths in alike.values() if len(paths) > 1]
    if not twice:
        return ""
    last = PurePosixPath(list(twice[0].values())[-1]).suffix
    return (
        f"{len(twice)} recordings lie there twice by name ({', '.join(twice[0].values())}): where "
        "they are the same, each counts twice, and one may train what the other tests: leave one "
        f'kind out, exclude = ["**/*{last}"] in dataset.toml'
    )


def _some(names: Sequence[str]) -> str:
    more = f", ... {len(names)} in all" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
