"""From open to receipt: probe, write, read back, customise, and the first MiB last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from deploy.flash.capacity import refuse_fake_capacity
from deploy.flash.card import Card, open_card
from deploy.flash.plan import Plan
from deploy.flash.refusal import refuse_unfit
from deploy.flash.write import Progress, verify_image, write_head, write_image

Customise: TypeAlias = Callable[[Card], Mapping[str, str]]
"""Puts files on the boot partition; gives the sha256 of each, as read back from the card."""


@dataclass(frozen=True)
class Steps:
    """What is done besides writing. now: UTC, for the receipt."""

    verify: bool = True
    probe: bool = True
    customise: Customise | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def flash(plan: Plan, steps: Steps, progress: Progress) -> dict[str, object]:
    """Flash the card of the plan; returns the receipt.

    Raises DeviceError with nothing written where the disk is busy, changed or a counterfeit. After
    any later error the card has no boot signature.
    """
    began = steps.now()
    files: Mapping[str, str] = {}
    with open_card(plan.disk) as card:
        refuse_unfit(plan.disk, plan.source.image_bytes, plan.serial)
        if steps.probe:
            refuse_fake_capacity(card)
        written = write_image(card, plan.source, progress)
        if steps.verify:
            verify_image(card, plan.source, written, progress)
        if steps.customise:
            files = steps.customise(card)
        write_head(card, written.head)
    return {
        "device": {
            "path": plan.disk.path,
            "serial": plan.disk.serial,
            "model": plan.disk.model,
            "size_bytes": plan.disk.size_bytes,
        },
        "image": {
            "file": plan.source.path.name,
            "size_bytes": plan.source.image_bytes,
            "sha256": written.image_sha256,
            "written_bytes": written.written_bytes,
            "written_sha256": written.sha256,
        },
        "verified": steps.verify,
        "capacity_probed": steps.probe,
        "files": dict(files),
        "began": began.isoformat(timespec="seconds"),
        "ended": steps.now().isoformat(timespec="seconds"),
    }
