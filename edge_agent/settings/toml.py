"""TOML tables as pydantic models: unknown keys refused with a suggestion, paths beside the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from edge_agent.contracts.core.documents import read_toml_document
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.suggestion import did_you_mean


class Table(BaseModel):
    """One TOML table. Frozen; NaN refused; an unknown key is answered with the nearest one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: object) -> object:
        if isinstance(value, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in value:
                if key not in known:
                    raise ValueError(f"unknown key {key!r}{did_you_mean(str(key), known)}")
        return value


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if path.is_absolute() or folder is None else Path(folder) / path


StationPath = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path; a relative one is relative to the folder of the file that names it."""

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, schema: type[Model]) -> Model:
    """Read and validate a TOML file; raises ConfigError that names the file, the key, the cure."""
    document = read_toml_document(path)
    try:
        return schema.model_validate(document, context={"folder": path.resolve().parent})
    except ValidationError as error:
        raise ConfigError(
            _sentence(error), where=str(path), cure="`lineside-agent config --reference` lists all"
        ) from error


def _sentence(error: ValidationError) -> str:
    """Every fault of a validation error, `table.key: message`, in one line."""
    sentences = []
    for fault in error.errors():
        place = ".".join(str(step) for step in fault["loc"])
        message = str(fault["msg"]).removeprefix("Value error, ")
        if fault["type"] == "union_tag_invalid":
            message = _unknown_tag(fault["ctx"])
        elif fault["type"] == "union_tag_not_found":
            message = f"needs {str(fault['ctx']['discriminator']).strip(chr(39))}"
        elif fault["type"] == "missing":
            message = "is missing"
        elif fault["type"] == "list_type" and isinstance(fault["input"], dict):
            message = f"write it as [[{place}]], once for each"
        sentences.append(f"{place}: {message}" if place else message)
    return "; ".join(sentences)


def _unknown_tag(context: dict[str, object]) -> str:
    tag = str(context.get("tag"))
    known = [name.strip(" '") for name in str(context.get("expected_tags", "")).split(",")]
    key = str(context.get("discriminator", "")).strip("'")
    return f"unknown {key} {tag!r}{did_you_mean(tag, known)}"


def write_toml(table: dict[str, object], prefix: str = "") -> str:
    """The TOML text of nested tables of text, numbers, truth values and lists; None is left out."""
    lines = [
        f"{key} = {_scalar(value)}" for key, value in table.items() if not _is_table(value, key)
    ]
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            lines += ["", f"[{name}]", write_toml(value, f"{name}.")]
        elif _is_table(value, key) and isinstance(value, list):
            for row in value:
                lines += ["", f"[[{name}]]", write_toml(row, f"{name}.")]
    return "\n".join(lines)


def _is_table(value: object, key: str) -> bool:
    rows = isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    return value is None or isinstance(value, dict) or rows


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
