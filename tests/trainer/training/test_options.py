"""Options of models: names of the release before are taken for those of today, for one release."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import Strict, validate
from trainer.models.image.padim import PadimOptions
from trainer.models.image.patchcore import PatchcoreOptions
from trainer.models.image.transfer import TransferOptions
from trainer.models.vibration.conv1d import Conv1dOptions
from trainer.training.api import ModelOptions


@pytest.mark.parametrize(
    ("schema", "old", "new"),
    [
        (PadimOptions, {"taught": 0.0}, PadimOptions(synthetic_share=0.0)),
        (PatchcoreOptions, {"taught": 0.1}, PatchcoreOptions(synthetic_share=0.1)),
        (
            TransferOptions,
            {"looks": 1, "views": 0},
            TransferOptions(tta_views=1, augmented_copies=0),
        ),
        (Conv1dOptions, {"hear": "raw"}, Conv1dOptions(features="raw")),
    ],
)
def test_an_old_name_is_taken_for_the_name_of_today(
    schema: type[ModelOptions], old: dict[str, object], new: Strict
) -> None:
    assert validate(schema, old, "options") == new


def test_an_old_name_beside_its_new_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown key 'looks'"):
        validate(TransferOptions, {"looks": 1, "tta_views": 4}, "options")


def test_an_old_name_is_bounded_like_the_new_one() -> None:
    with pytest.raises(ConfigError, match="synthetic_share"):
        validate(PadimOptions, {"taught": 2.0}, "options")
