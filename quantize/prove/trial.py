"""One precision that was tried for a bundle, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from quantize.convert.variants import Variant


@dataclass(frozen=True)
class VariantTrial:
    """`fault` is empty where the gate held; `lowered` is by how much the threshold had to be
    lowered for it; `predicted_ms` is what a run takes on the target by its cost table, None where
    nothing was converted.
    """

    variant: Variant
    size_bytes: int
    fault: str
    lowered: float = 0.0
    predicted_ms: float | None = None

    @property
    def outcome(self) -> str:
        """For people."""
        if self.lowered:
            return f"held with the threshold lowered by {self.lowered:.4f} for rounding"
        return self.fault or "held"
