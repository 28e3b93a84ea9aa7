from __future__ import annotations

import pytest

from trainer.data.layouts.split_names import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("train_set", "train"), ("valid", "val"),
        ("Validation", "val"), ("dev", "val"), ("Testing", "test"), ("test_set", "test"),
        ("eval", "test"), ("hold-out", "test"), ("test_public", "test"), ("", ""), ("good", ""),
        ("trainer", ""), ("contest", ""), ("test2", ""),
        ("train_images", "train"), ("Trainingsdaten", "train"), ("训练集", "train"),
        ("entraînement", "train"), ("Testdaten", "test"), ("tests", "test"), ("テスト", "test"),
        ("val_images", "val"), ("validación", "val"), ("images", ""), ("data", ""), ("set", ""),
        ("01_train", "train"), ("2. Validation", "val"), ("val2017", "val"), ("3-Test", "test"),
        ("Learning_set", "train"),
        ("01", ""), ("2017", ""), ("1_scratch", ""), ("training_2026", "train"), ("test12", ""),
    ],
)  # fmt: skip
def test_a_split_is_known_by_its_whole_name(name: str, split: str) -> None:
    assert split_of(name) == split
