"""Folder and column values that name a split, as public data sets and tools write them."""

from __future__ import annotations

import re
import unicodedata

_NAMES = {
    "train": (
        "train", "training", "trainings", "trn", "learn", "learning", "lernen", "entrenamiento",
        "entrainement", "apprentissage", "addestramento", "treino", "обучение", "训练",
        "訓練", "学習",
    ),
    "val": (
        "val", "valid", "validate", "validation", "validierung", "validierungs", "dev",
        "validacion", "validazione", "validacao", "валидация", "验证", "驗證", "検証",
    ),
    "test": (
        "test", "tests", "testing", "eval", "evaluation", "holdout", "heldout", "testpublic",
        "prueba", "pruebas", "teste", "тест", "测试", "測試", "テスト", "評価",
    ),
}  # fmt: skip
_WHAT = re.compile(r"(sets?|data|daten|images?|imgs?|bilder|pictures|photos|samples|split|集|用)$")
"""What a split is of, behind its name: train_images, Testdaten, 训练集."""
_ORDER = re.compile(r"^\d{1,2}(?=[\W_]*\D)|(?<=\D)(19|20)\d\d$")
"""A number before a name puts folders in order, a year behind it names the issue: 01_train,
val2017."""


def split_of(name: str) -> str:
    """train, val or test; empty where the name is none of a split."""
    plain = re.sub(r"[\W_]+", "", _ORDER.sub("", _without_accents(name.casefold())))
    bare = _WHAT.sub("", plain)
    return next((split for split, names in _NAMES.items() if plain in names or bare in names), "")


def _without_accents(text: str) -> str:
    latin = (
        unicodedata.normalize("NFD", c)[0] if c.isalpha() and ord(c) < 0x250 else c for c in text
    )
    return "".join(latin)
