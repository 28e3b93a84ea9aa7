"""What a release is made of (CycloneDX 1.6) and where it comes from (in-toto, SLSA 1.0).

Both are files of the product line beside the bundle, signed by the same metadata.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.model.manifest import Manifest
from edge_agent.contracts.model.wheel_set import WheelSet

BUILD_TYPE = "https://lineside.dev/bundle/v1"
"""A name, not an address: what `externalParameters` mean."""


def bill_of_materials(bundle: Bundle, payload: bytes, at: datetime) -> bytes:
    """The model, every file of the bundle, and the packages that trained and run it, as JSON."""
    manifest = bundle.manifest
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, sha256_hex(payload)))
    bom.metadata.timestamp = at
    model = _model(manifest, payload)
    bom.metadata.component = model
    parts = [*_files(manifest), *_packages(manifest)]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(model, parts)
    return _text(bom)


def agent_bill_of_materials(chosen: WheelSet, at: datetime) -> bytes:
    """Every wheel of a set with its version and hash, as JSON."""
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, chosen.model_dump_json()))
    bom.metadata.timestamp = at
    agent = Component(
        type=ComponentType.APPLICATION,
        name=chosen.name,
        version=chosen.version,
        bom_ref=f"{chosen.name}@{chosen.version}",
    )
    bom.metadata.component = agent
    parts = [_library(w.project, w.version, [_hash(w.sha256)]) for w in chosen.wheels]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(agent, parts)
    return _text(bom)


def provenance(bundle: Bundle, payload: bytes, path: str, at: datetime) -> bytes:
    """From which data and with which packages the bundle was made, as an in-toto statement."""
    manifest, made = bundle.manifest, bundle.manifest.provenance
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path, "digest": {"sha256": sha256_hex(payload)}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"target": manifest.target, "version": manifest.version},
                "internalParameters": {"seed": made.seed, "waived": manifest.waived},
                "resolvedDependencies": [
                    {"name": "dataset", "digest": {"sha256": made.dataset_sha256}},
                    *({"uri": f"pkg:pypi/{n}@{v}"} for n, v in sorted(made.trained_with.items())),
                ],
            },
            "runDetails": {
                "builder": {"id": "https://lineside.dev/lineside-quantize"},
                "metadata": {"startedOn": made.created_at, "finishedOn": at.isoformat()},
            },
        },
    }
    return json.dumps(statement, indent=1, sort_keys=True).encode() + b"\n"


def _model(manifest: Manifest, payload: bytes) -> Component:
    spec, made = manifest.spec, manifest.provenance
    facts = {
        "target": manifest.target,
        "runtime": manifest.runtime,
        "dataset sha256": made.dataset_sha256,
        "training samples": str(made.training_samples),
        "held-out samples": str(made.held_out_samples),
    }
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=spec.name,
        version=manifest.version,
        bom_ref=f"{spec.name}@{manifest.version}",
        hashes=[_hash(sha256_hex(payload))],
        properties=[Property(name=f"lineside:{key}", value=value) for key, value in facts.items()],
    )


def _files(manifest: Manifest) -> list[Component]:
    return [
        Component(
            type=ComponentType.FILE,
            name=name,
            bom_ref=f"file:{name}",
            hashes=[_hash(entry.sha256)],
        )
        for name, entry in sorted(manifest.files.items())
    ]


def _packages(manifest: Manifest) -> list[Component]:
    """What trained the model; the runtime is a range, and a property of the model."""
    trained_with = sorted(manifest.provenance.trained_with.items())
    return [_library(name, version) for name, version in trained_with]


def _library(name: str, version: str, hashes: Sequence[HashType] = ()) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=f"pkg:pypi/{name}@{version}",
        purl=PackageURL(type="pypi", name=name, version=version),
        hashes=hashes,
    )


def _text(bom: Bom) -> bytes:
    text: str = JsonV1Dot6(bom).output_as_string(indent=1)
    return text.encode() + b"\n"


def _hash(sha256: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=sha256)
