"""The bill of materials against CycloneDX's own schema; the provenance against the bundle."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource

from deploy.__main__ import main
from deploy.signing.sbom import bill_of_materials, provenance
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import Bundle, read_bundle, unsigned_bundle
from tests.signing_kit import open_workshop

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return read_bundle(open_workshop(tmp_path_factory.mktemp("workshop")).unsigned())


def schema_of(name: str) -> dict[str, object]:
    text = (files("cyclonedx") / "schema" / "_res" / f"{name}.SNAPSHOT.schema.json").read_text()
    found: dict[str, object] = json.loads(text)
    return found


def test_it_is_valid_cyclonedx_and_lists_every_file(bundle: Bundle) -> None:
    payload = unsigned_bundle(bundle)
    document = json.loads(bill_of_materials(bundle, payload, AT))
    inner = [
        (f"http://cyclonedx.org/schema/{n}.SNAPSHOT.schema.json", schema_of(n))
        for n in ("spdx", "jsf-0.82")
    ]
    registry = Registry().with_resources([(uri, Resource.from_contents(one)) for uri, one in inner])
    jsonschema.Draft7Validator(schema_of("bom-1.6"), registry=registry).validate(document)
    hashes = {c["name"]: c["hashes"][0]["content"] for c in document["components"] if "hashes" in c}
    assert hashes == {name: entry.sha256 for name, entry in bundle.manifest.files.items()}
    model = document["metadata"]["component"]
    assert (model["name"], model["version"]) == ("brightness", "1.0.0")
    assert model["hashes"][0]["content"] == sha256_hex(payload)


def test_the_same_bundle_gives_the_same_bytes(bundle: Bundle) -> None:
    payload = unsigned_bundle(bundle)
    assert bill_of_materials(bundle, payload, AT) == bill_of_materials(bundle, payload, AT)


def test_the_provenance_names_bundle_and_data(bundle: Bundle) -> None:
    payload = unsigned_bundle(bundle)
    statement = json.loads(provenance(bundle, payload, "main/brightness-1.0.0.bundle", AT))
    assert statement["subject"] == [
        {"name": "main/brightness-1.0.0.bundle", "digest": {"sha256": sha256_hex(payload)}}
    ]
    data = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert data["digest"]["sha256"] == bundle.manifest.provenance.dataset_sha256


def test_both_are_released_and_signed_with_the_bundle(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path)
    path = workshop.unsigned()
    assert main(["release", str(path), "--keys", str(workshop.keys)]) == 0
    released = workshop.repository().released()
    assert sorted(released) == [
        "main/brightness-1.0.0.bundle",
        "main/brightness-1.0.0.cdx.json",
        "main/brightness-1.0.0.provenance.json",
    ]
    folder = tmp_path / "releases" / "targets" / "main"
    for name, digest in released.items():
        file = folder / f"{digest}.{name.removeprefix('main/')}"
        assert sha256_hex(file.read_bytes()) == digest
    assert (
        main(
            ["release", "--withdraw", "main/brightness-1.0.0.bundle", "--keys", str(workshop.keys)]
        )
        == 0
    )
    assert workshop.repository().released() == {}
