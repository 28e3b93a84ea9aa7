"""Pictures of samples on a page: thumbnails that lie in the page, with a line or two below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_agent.contracts.run_folder.metrics import CopyGroup
from edge_agent.contracts.run_folder.thumbnails import Thumbnails


def shown(thumbnails: Thumbnails, path: str, *lines: str) -> dict[str, object]:
    """What macros.html draws of one sample; without a thumbnail only the lines and the name."""
    return {
        "source": thumbnail_source(thumbnails, path),
        "lines": lines,
        "path": path,
        "name": "/".join(Path(path).parts[-2:]),
    }


def thumbnail_source(thumbnails: Thumbnails, path: str) -> str:
    """The thumbnail of a sample as a data URI; "" where there is none."""
    jpeg = thumbnails.jpegs.get(path, "")
    return f"data:image/jpeg;base64,{jpeg}" if jpeg else ""


def shown_groups(groups: Sequence[CopyGroup], thumbnails: Thumbnails) -> list[dict[str, object]]:
    """What copy_groups.html draws of the largest groups of copies."""
    return [
        {
            "samples": group.samples,
            "labels": ", ".join(group.labels),
            "mixed": len(group.labels) > 1,
            "left": group.samples - len(group.paths),
            "pictures": [shown(thumbnails, path) for path in group.paths],
        }
        for group in groups
    ]
