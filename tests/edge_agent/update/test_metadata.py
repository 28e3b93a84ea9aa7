"""Releases as a station checks them: old, mixed, expired, withdrawn; keys replaced and revoked."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.signing.keys import Keyring
from deploy.signing.metadata import Life
from deploy.signing.release import with_newest_signature
from deploy.signing.repository import Repository, Target
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import BundleError, RollbackError, SignatureError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import Bundle, read_bundle
from edge_agent.contracts.model.signature import MANIFEST_SHA256, Signature
from edge_agent.update.metadata import check_root, find_release
from edge_agent.update.slots import install, rollback, status
from edge_agent.update.trust_folder import read_trust_folder
from edge_agent.update.trusted import Trusted
from tests.signing_kit import Workshop, open_workshop

DAY_S = 86_400
NOW = Life(datetime(2026, 3, 1, tzinfo=UTC))
NOW_NS = int(NOW.now.timestamp()) * 10**9
LATER = replace(NOW, now=datetime(2026, 4, 1, tzinfo=UTC))


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return open_workshop(tmp_path / "workshop", NOW)


@pytest.fixture
def releases(workshop: Workshop) -> Repository:
    return workshop.repository(NOW)


@pytest.fixture
def station(workshop: Workshop) -> Trusted:
    return check_root(workshop.public.read_bytes(), workshop.public)


def passes(_: Bundle) -> None:
    """These tests are about metadata."""


def publish(releases: Repository, version: str, line: str = "main", name: str = "caps") -> str:
    """Release a file; the sha256 of its manifest."""
    digest = sha256_hex(f"{name} {version}".encode())
    path = f"{line}/{name}-{version}.bundle"
    releases.add(line, [Target(path, b"bundle " + version.encode(), {MANIFEST_SHA256: digest})])
    return digest


def signature(releases: Repository, digest: str) -> Signature:
    found = releases.signature(digest)
    assert found is not None
    return found


def take(found: Signature, digest: str, trusted: Trusted, now_ns: int = NOW_NS) -> Trusted:
    return find_release(found, digest, trusted, now_ns=now_ns, where="caps.bundle").trusted


def test_a_release_is_found_by_its_manifest(releases: Repository, station: Trusted) -> None:
    digest = publish(releases, "1.0.0")
    found = find_release(
        signature(releases, digest), digest, station, now_ns=NOW_NS, where="caps.bundle"
    )
    assert (found.path, found.line) == ("main/caps-1.0.0.bundle", "main")
    assert found.trusted.targets == {"targets": 1, "main": 1}
    assert found.trusted.latest_ns == NOW_NS


def test_older_metadata_is_refused_once_newer_was_seen(
    releases: Repository, station: Trusted
) -> None:
    first = publish(releases, "1.0.0")
    old = signature(releases, first)
    second = publish(releases, "1.1.0")
    seen = take(signature(releases, second), second, station)
    with pytest.raises(RollbackError, match="timestamp metadata 1 is older than 2"):
        take(old, first, seen)
    take(signature(releases, first), first, seen)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "line_targets"])
def test_metadata_of_two_releases_is_refused(
    role: str, workshop: Workshop, releases: Repository, station: Trusted
) -> None:
    first = publish(releases, "1.0.0")
    old = signature(releases, first)
    releases.add_line("other")  # so that every role gets a second version
    second = publish(releases, "1.1.0")
    mixed = signature(releases, second).model_copy(update={role: getattr(old, role)})
    with pytest.raises(SignatureError, match=r"not the one that this release lists|different"):
        take(mixed, second, station)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "line_targets"])
def test_metadata_in_another_place_is_refused(
    role: str, releases: Repository, station: Trusted
) -> None:
    digest = publish(releases, "1.0.0")
    found = signature(releases, digest)
    with pytest.raises(SignatureError):
        take(found.model_copy(update={role: found.roots[0]}), digest, station)


def test_expired_metadata_is_refused_and_what_runs_goes_on(
    releases: Repository, station: Trusted
) -> None:
    digest = publish(releases, "1.0.0")
    found = signature(releases, digest)
    late_ns = NOW_NS + 91 * DAY_S * 10**9
    with pytest.raises(SignatureError, match=r"timestamp metadata expired at 2026-05-30.*refresh"):
        take(found, digest, station, late_ns)
    find_release(found, digest, station, now_ns=None, where="caps.bundle")
    late = replace(NOW, now=datetime(2026, 6, 1, tzinfo=UTC))
    Repository(releases.folder, Keyring(releases.folder.parent / "keys"), late).refresh()
    take(signature(releases, digest), digest, station, late_ns)


def test_a_clock_in_1970_is_taken_for_the_newest_signed_time(
    releases: Repository, station: Trusted
) -> None:
    digest = publish(releases, "1.0.0")
    seen = take(signature(releases, digest), digest, station, now_ns=0)
    assert seen.latest_ns == NOW_NS
    expired = seen.model_copy(update={"latest_ns": NOW_NS + 91 * DAY_S * 10**9})
    with pytest.raises(SignatureError, match="expired"):
        take(signature(releases, digest), digest, expired, now_ns=0)


def test_a_withdrawn_release_is_refused_and_not_returned_to(
    workshop: Workshop, tmp_path: Path
) -> None:
    root, clock = tmp_path / "station", ManualClock(NOW_NS)
    for version in ("1.0.0", "1.1.0"):
        install(workshop.signed(version), root, passes, trust=workshop.public, clock=clock)
    workshop.repository(NOW).withdraw("main/brightness-1.0.0.bundle")
    install(resigned(workshop, "1.1.0"), root, passes, clock=clock)
    with pytest.raises(RollbackError, match="has withdrawn this release"):
        rollback("brightness", root, passes)
    assert (status(root)[0].version, status(root)[0].fault) == ("1.1.0", "")


def resigned(workshop: Workshop, version: str) -> Path:
    """The bundle with its newest metadata."""
    path = workshop.folder / f"brightness-{version}.bundle"
    path.write_bytes(with_newest_signature(read_bundle(path), workshop.folder / "releases"))
    return path


@pytest.mark.parametrize("role", ["root-1", "root-3", "targets", "online", "main"])
def test_a_replaced_key_counts_no_longer(
    role: str, workshop: Workshop, releases: Repository, station: Trusted, tmp_path: Path
) -> None:
    """A thief has a copy of all keys but two of the root's; then one key is replaced."""
    digest = publish(releases, "1.0.0")
    seen = take(signature(releases, digest), digest, station)
    shutil.copytree(workshop.folder, tmp_path / "thief")
    thief = Repository(tmp_path / "thief" / "releases", Keyring(tmp_path / "thief" / "keys"), LATER)
    releases.rotate(role)
    second = publish(releases, "1.1.0")
    seen = take(signature(releases, second), second, seen)
    for _ in range(5):
        evil = publish(thief, "6.6.6")
    if role.startswith("root"):
        thief.rotate("online")
        evil = publish(thief, "6.6.7")
    with pytest.raises(BundleError):
        take(signature(thief, evil), evil, seen)


def test_a_station_that_slept_through_several_roots_follows_them(
    releases: Repository, station: Trusted
) -> None:
    for role in ("online", "root-2", "targets", "root-1", "root-3", "online"):
        releases.rotate(role)
    digest = publish(releases, "1.0.0")
    seen = take(signature(releases, digest), digest, station)
    assert len(seen.origin) == 7
    gap = signature(releases, digest)
    gap = gap.model_copy(update={"roots": [gap.roots[0], *gap.roots[2:]]})
    with pytest.raises(SignatureError):
        take(gap, digest, station)


def test_an_old_root_is_no_way_back(releases: Repository, station: Trusted) -> None:
    digest = publish(releases, "1.0.0")
    old = signature(releases, digest)
    releases.rotate("online")
    seen = take(signature(releases, digest), digest, station)
    with pytest.raises(SignatureError, match=r"before root 2, .* seen: push it .* --releases DIR"):
        take(old, digest, seen)


def test_a_replaced_online_key_undoes_versions_that_its_thief_raised(
    releases: Repository, station: Trusted
) -> None:
    digest = publish(releases, "1.0.0")
    high = {"timestamp": 10**6, "snapshot": 10**6, "latest_ns": NOW_NS * 2}
    seen = station.model_copy(update=high)
    with pytest.raises(RollbackError):
        take(signature(releases, digest), digest, seen)
    releases.rotate("online")
    assert take(signature(releases, digest), digest, seen).timestamp == 2


def test_one_line_cannot_release_for_another(
    releases: Repository, station: Trusted, workshop: Workshop, tmp_path: Path
) -> None:
    releases.add_line("other")
    path, digest = "main/caps-9.0.0.bundle", sha256_hex(b"evil")
    releases.add("other", [Target(path, b"evil", {MANIFEST_SHA256: digest})])
    with pytest.raises(SignatureError, match="is not the line's to release"):
        take(signature(releases, digest), digest, station)


def test_a_bundle_keeps_its_line(workshop: Workshop, tmp_path: Path) -> None:
    from deploy.signing.release import release_bundles

    root, clock = tmp_path / "station", ManualClock(NOW_NS)
    install(workshop.signed("1.0.0"), root, passes, trust=workshop.public, clock=clock)
    releases = workshop.repository(NOW)
    releases.add_line("other")
    new = workshop.unsigned("1.1.0")
    release_bundles([new], "other", releases)
    with pytest.raises(SignatureError, match="belongs to the product line main, this one is of"):
        install(new, root, passes, clock=clock)


def test_what_runs_is_armed_after_its_key_was_revoked(workshop: Workshop, tmp_path: Path) -> None:
    root, clock = tmp_path / "station", ManualClock(NOW_NS)
    install(workshop.signed("1.0.0"), root, passes, trust=workshop.public, clock=clock)
    workshop.repository(NOW).rotate("main")
    install(workshop.signed("1.1.0"), root, passes, clock=clock)
    rollback("brightness", root, passes)
    (slot,) = status(root)
    assert (slot.version, slot.fault) == ("1.0.0", "")
    trusted = read_trust_folder(root / "trust")
    assert trusted is not None
    assert len(trusted.installed) == 2
