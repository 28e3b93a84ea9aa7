"""The artifacts of other updaters by their own programs; what is said where these are absent."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.carriers.mender import MODULE, write_artifact
from deploy.carriers.programs import call
from deploy.carriers.rauc import HOOK, write_rauc_bundle
from deploy.carriers.release_archive import release_archive
from edge_agent.contracts.core.errors import DeviceError, SignatureError, StorageError
from edge_agent.contracts.model.release_archive import ARCHIVE, archive_name
from tests.signing_kit import Workshop, open_workshop


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """With one release, brightness 1.0.0."""
    workshop = open_workshop(tmp_path_factory.mktemp("workshop"))
    workshop.signed("1.0.0")
    return workshop


def test_the_name_of_an_archive_says_which_bundle_it_holds() -> None:
    found = ARCHIVE.fullmatch(archive_name("caps-top", "1.10.0"))
    assert found is not None
    assert found.groups() == ("caps-top", "1.10.0")
    assert ARCHIVE.fullmatch("../caps-1.0.0.release") is None


def test_an_archive_is_the_same_however_often_it_is_written(workshop: Workshop) -> None:
    bundle, releases = workshop.folder / "brightness-1.0.0.bundle", workshop.folder / "releases"
    assert release_archive(bundle, releases) == release_archive(bundle, releases)


def test_a_bundle_that_is_not_released_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    bundle = workshop.unsigned("1.5.0")
    with pytest.raises(SignatureError, match="not released in"):
        release_archive(bundle, workshop.folder / "releases")
    with pytest.raises(StorageError, match="cannot be read"):
        release_archive(bundle, tmp_path)


def test_a_withdrawn_bundle_is_called_so(tmp_path: Path) -> None:
    workshop = open_workshop(tmp_path / "workshop")
    bundle = workshop.signed("1.0.0")
    workshop.repository().withdraw("main/brightness-1.0.0.bundle")
    with pytest.raises(SignatureError, match=r"withdrawn in .*releases: release another one"):
        release_archive(bundle, workshop.folder / "releases")


def test_absent_and_failing_programs_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageError, match="cannot access"):
        call(["ls", str(tmp_path / "absent")], "coreutils")
    monkeypatch.setenv("PATH", str(tmp_path))
    release = tmp_path / "caps-1.0.0.release"
    release.touch()
    with pytest.raises(DeviceError, match="apt install mender-artifact"):
        write_artifact(release, tmp_path, "press")
    with pytest.raises(DeviceError, match="apt install rauc squashfs-tools"):
        write_rauc_bundle(
            release, tmp_path, "press", tmp_path, tmp_path, program="/a", root="/b", probation_s=60
        )
    assert list(tmp_path.iterdir()) == [release]


def test_rauc_without_its_key_is_a_misuse(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, releases = workshop.folder / "brightness-1.0.0.bundle", workshop.folder / "releases"
    place = ["--releases", str(releases), "--out", str(tmp_path)]
    assert main(["pack", str(bundle), *place, "--rauc", "press"]) == 2
    assert "name --cert and --key" in capsys.readouterr().err
    assert main(["pack", str(bundle), *place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [str(tmp_path / "brightness-1.0.0.release")]


@pytest.mark.integrations
def test_the_artifact_is_one_that_mender_artifact_reads(workshop: Workshop, tmp_path: Path) -> None:
    if shutil.which("mender-artifact") is None:
        pytest.skip("mender-artifact is not installed (apt install mender-artifact)")
    name, payload = release_archive(
        workshop.folder / "brightness-1.0.0.bundle", workshop.folder / "releases"
    )
    (tmp_path / name).write_bytes(payload)
    artifact = write_artifact(tmp_path / name, tmp_path, "press")
    said = subprocess.run(
        ["mender-artifact", "read", artifact], capture_output=True, text=True, check=True
    ).stdout
    for word in (MODULE, "brightness-1.0.0", "press", name):
        assert word in said


@pytest.mark.integrations
def test_the_bundle_has_the_image_and_a_hook_that_runs(workshop: Workshop, tmp_path: Path) -> None:
    if shutil.which("rauc") is None or shutil.which("unsquashfs") is None:
        pytest.skip("rauc is not installed (apt install rauc squashfs-tools)")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    text = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=plant -batch"
    words = text.split()
    subprocess.run([*words, "-keyout", key, "-out", cert], capture_output=True, check=True)
    name, payload = release_archive(
        workshop.folder / "brightness-1.0.0.bundle", workshop.folder / "releases"
    )
    (tmp_path / name).write_bytes(payload)
    bundle = write_rauc_bundle(
        tmp_path / name, tmp_path, "press", cert, key, program="/a", root="/b", probation_s=60
    )
    out = tmp_path / "content"
    subprocess.run(["unsquashfs", "-d", out, bundle], capture_output=True, check=True)
    assert (out / name).read_bytes() == payload
    assert (out / HOOK).stat().st_mode & stat.S_IXUSR
    assert "updater rauc" in (out / HOOK).read_text()


def test_a_program_that_another_one_calls_is_named_with_its_package() -> None:
    words = ("sh", "-c", "exit 0")
    call(words, "dash")
    with pytest.raises(DeviceError, match="mksquashfz: is not installed: apt install rauc squash"):
        call(words, "rauc squashfs-tools", "mksquashfz")
