"""From a converted model to a bundle: manifest, parity vectors, golden samples, card, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.contracts.model.bundle import MODEL, VECTORS, write_bundle
from edge_agent.contracts.model.manifest import FORMAT_VERSION, Manifest
from edge_agent.infer.inspector import Inspector
from edge_agent.infer.runtime import open_runtime
from quantize.prove.golden import golden_files, read_golden
from quantize.prove.vectors import make_vectors
from quantize.run_folder.run import Run
from quantize.targets.registry import Target

FIRST_VERSION = "0.1.0"

PARITY_QUANTA = 6
"""x86-64 and aarch64 (resampling and kernels) were seen to differ by 4 quanta on small networks."""


@dataclass(frozen=True)
class Draft:
    """A model that is ready to be judged, and not yet packed."""

    manifest: Manifest
    model: bytes

    def inspector(self, threads: int = 1) -> Inspector:
        """The model in this machine's runtime; close it after use."""
        return Inspector(self.manifest, open_runtime(self.model, threads=threads))


def draft(run: Run, target: Target, model: bytes, version: str) -> Draft:
    """A manifest for `model`, its tensors as the runtime reports them."""
    runtime = open_runtime(model)
    try:
        manifest = Manifest(
            format=FORMAT_VERSION,
            version=version,
            spec=run.spec,
            target=target.name,
            runtime=target.runtime,
            inputs=runtime.inputs,
            outputs=runtime.outputs,
            parity_quanta=PARITY_QUANTA,
            provenance=run.provenance,
            files={},
        )
    finally:
        runtime.close()
    return Draft(manifest, model)


def pack(
    run: Run, ready: Draft, out: Path, waived: list[str], more: Mapping[str, bytes]
) -> Manifest:
    """Write the bundle whole or not at all; `more` are card.md, report.html and the like."""
    ready = replace(ready, manifest=ready.manifest.model_copy(update={"waived": waived}))
    golden = read_golden(run)
    inspector = ready.inspector()
    try:
        vectors = make_vectors(inspector, golden)
        files = golden_files(inspector, golden)
    finally:
        inspector.close()
    write_bundle(out, ready.manifest, {MODEL: ready.model, VECTORS: vectors, **files, **more})
    return ready.manifest


def next_version(old: Manifest | None) -> str:
    """One patch above the bundle that will be replaced; 0.1.0 where there is none."""
    if old is None:
        return FIRST_VERSION
    major, minor, patch = old.version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"
