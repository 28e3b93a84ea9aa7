"""STATE_DIR/golden: how the person at the shell and the running agent meet over golden parts.

request.json   what the shell asks for; the agent takes it and removes it
result.json    the end of the last check; passed.json: of the last one that passed
due.json       what the agent must know after a restart to say whether golden parts are due
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import storage_error, write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.golden.check import GoldenRequest, GoldenResult

REQUEST, RESULT, PASSED = "request.json", "result.json", "passed.json"
DUE = "due.json"

Model = TypeVar("Model", bound=Strict)


class DueRecord(Strict):
    """Why golden parts may be due. bundles: channel -> title, those that judged last."""

    bundles: dict[str, str] = Field(default_factory=dict)
    changed_over: bool = Field(default=False, description="a bundle changed since the last check")
    seen_ns: int | None = Field(
        default=None, ge=0, description="UTC of the last right check, or of the last release"
    )


class GoldenFolder:
    """The files of one station; raises StorageError where they cannot be written or read."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "golden"

    def ask(self, request: GoldenRequest) -> None:
        """Leave a request for the agent."""
        self._write(REQUEST, request)

    def take_request(self) -> GoldenRequest | None:
        """The request that waits, once; one that cannot be read is removed."""
        found = self._read(REQUEST, GoldenRequest)
        (self.path / REQUEST).unlink(missing_ok=True)
        return found

    def has_request(self) -> bool:
        """Whether the agent has not taken the request yet."""
        return (self.path / REQUEST).exists()

    def put_result(self, result: GoldenResult) -> None:
        """Keep the end of a check."""
        if result.passed:
            self._write(PASSED, result)
        self._write(RESULT, result)

    def result(self) -> GoldenResult | None:
        """The end of the last check."""
        return self._read(RESULT, GoldenResult)

    def last_passed(self) -> GoldenResult | None:
        """The last check that passed."""
        return self._read(PASSED, GoldenResult)

    def put_due(self, record: DueRecord) -> None:
        """Keep why golden parts may be due."""
        self._write(DUE, record)

    def due(self) -> DueRecord:
        """What was kept; a damaged record counts as a change-over, for none is known to be over."""
        found = self._read(DUE, DueRecord)
        if found is not None:
            return found
        passed = self.last_passed()
        return DueRecord(
            changed_over=(self.path / DUE).exists(),
            seen_ns=None if passed is None else passed.at_ns,
        )

    def _write(self, name: str, document: Strict) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.path, error) from error
        write_atomic(self.path / name, document.model_dump_json(indent=1).encode())

    def _read(self, name: str, schema: type[Model]) -> Model | None:
        try:
            return schema.model_validate_json((self.path / name).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        except OSError as error:
            raise StorageError(str(error), where=str(self.path / name)) from error
