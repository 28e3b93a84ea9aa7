"""From a converted model to a bundle: the manifest, and the file itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from edge_agent.contracts.model.bundle import MODEL, write_bundle
from edge_agent.contracts.model.manifest import FORMAT_VERSION, OLDEST_AGENT, Manifest
from edge_agent.contracts.run_folder.run import RunFolder
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.runtime_choice import open_runtime
from quantize.targets.target import Target

FIRST_VERSION = "0.1.0"

PARITY_QUANTA = 6
"""x86-64 and aarch64 (resampling and kernels) were seen to differ by 4 quanta on small networks."""


@dataclass(frozen=True)
class Draft:
    """A model that is ready to be judged, and not yet packed."""

    manifest: Manifest
    model: bytes

    def inspector(self, threads: int = 1) -> BundleInspector:
        """The model in this machine's runtime; close it after use."""
        return BundleInspector(self.manifest, open_runtime(self.model, threads=threads))


def draft(run: RunFolder, target: Target, model: bytes, version: str) -> Draft:
    """A manifest for `model`, its tensors as the runtime reports them."""
    runtime = open_runtime(model)
    try:
        manifest = Manifest(
            format=FORMAT_VERSION,
            oldest_agent=OLDEST_AGENT,
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


def pack(ready: Draft, out: Path, waived: list[str], more: Mapping[str, bytes]) -> Manifest:
    """Write the bundle whole or not at all; `more` are all files but the model."""
    manifest = ready.manifest.model_copy(update={"waived": waived})
    write_bundle(out, manifest, {MODEL: ready.model, **more})
    return manifest


def next_version(old: Manifest | None) -> str:
    """One patch above the bundle that will be replaced; 0.1.0 where there is none."""
    if old is None:
        return FIRST_VERSION
    version = Version(old.version)
    return f"{version.major}.{version.minor}.{version.micro + 1}"
