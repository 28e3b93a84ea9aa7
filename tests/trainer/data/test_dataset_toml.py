from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.reference_page import reference, tables
from trainer.__main__ import main
from trainer.data.dataset_toml import REFERENCE_HEAD, DatasetConfig

PAGE = Path(__file__).parents[3] / "docs" / "dataset-toml.md"


def test_the_reference_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reference"]) == 0
    shown = capsys.readouterr().out
    assert shown == reference(DatasetConfig, REFERENCE_HEAD)
    assert PAGE.read_text() == shown, "lineside-train reference > docs/dataset-toml.md"


@pytest.mark.parametrize("table", tables(DatasetConfig), ids=lambda table: table.__name__)
def test_every_key_is_described(table: type) -> None:
    fields = table.model_fields.items()  # type: ignore[attr-defined]
    inner = tables(table)[1:]
    bare = [name for name, field in fields if not field.description]
    assert [name for name in bare if not _is_table(table, name, inner)] == []


def _is_table(table: type, name: str, inner: list[type]) -> bool:
    annotation = str(table.model_fields[name].annotation)  # type: ignore[attr-defined]
    return any(one.__name__ in annotation for one in inner)
