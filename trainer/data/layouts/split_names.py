"""Folder and column values that name a split, as public data sets and tools write them."""

from __future__ import annotations

import re

_NAMES = {
    "train": ("train", "training", "trainset", "trainingset", "traindata", "trn", "learn"),
    "val": ("val", "valid", "validation", "valset", "validationset", "dev", "devset"),
    "test": (
        "test", "testing", "testset", "testdata", "testingset", "eval", "evaluation", "evalset",
        "holdout", "heldout", "testpublic",
    ),
}  # fmt: skip


def split_of(name: str) -> str:
    """train, val or test; empty where the name is none of a split."""
    plain = re.sub(r"[\W_]+", "", name.casefold())
    return next((split for split, names in _NAMES.items() if plain in names), "")
