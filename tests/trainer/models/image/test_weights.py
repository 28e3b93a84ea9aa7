"""Which weights a fit takes: the user's files, the package, or none; and what the verb says."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError, DeviceError
from trainer.__main__ import main
from trainer.config.fit import FitConfig
from trainer.models.image.backbone import JOINED
from trainer.models.image.efficientnet_lite0 import NAME, packaged_weights
from trainer.models.image.weights import (
    fetch,
    find_pretrained,
    pretrained_at_hand,
    user_folder,
    weights_file,
)

needs_package = pytest.mark.skipif(packaged_weights() is None, reason="no packaged weights")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's weights folder, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    user_folder().mkdir(parents=True)
    return user_folder()


@pytest.fixture
def mobilenet(folder: Path) -> str:
    """A file in it whose name says MobileNetV2."""
    path = folder / "mobilenet_v2_1.0_no_top.weights.h5"
    path.write_bytes(b"weights")
    return str(path)


def found(task: str = "image-class", **given: str) -> tuple[str, str]:
    return find_pretrained(FitConfig(**given), task)  # type: ignore[arg-type]


@needs_package
def test_auto_takes_the_package_for_images_alone(folder: Path) -> None:
    assert found() == (NAME, NAME)
    assert found("vibration-class") == ("auto", "none")
    assert found(weights="none") == ("mobilenet_v2", "none")


def test_a_file_of_the_users_folder_comes_first(mobilenet: str) -> None:
    assert found() == ("mobilenet_v2", mobilenet)
    assert found(weights="mobilenet_v2") == ("mobilenet_v2", mobilenet)
    assert found(backbone="mobilenet_v2") == ("mobilenet_v2", mobilenet)


@needs_package
def test_the_package_is_taken_by_its_name_beside_a_file(mobilenet: str) -> None:
    assert found(weights=NAME) == (NAME, NAME)
    assert found(backbone=NAME) == (NAME, NAME)


@needs_package
@pytest.mark.parametrize(
    "given",
    [{"backbone": JOINED}, {"weights": JOINED}, {"backbone": JOINED, "weights": NAME}],
    ids=["backbone", "weights", "both"],
)
def test_a_joined_backbone_takes_the_file_of_its_first_part(
    mobilenet: str, given: dict[str, str]
) -> None:
    assert found(**given) == (JOINED, mobilenet)
    again = FitConfig(backbone=JOINED, weights=mobilenet)
    assert find_pretrained(again, "image-class") == (JOINED, mobilenet)


def test_a_half_written_file_and_one_of_another_name_are_left_out(folder: Path) -> None:
    for name in (".mobilenet_v2.weights.h5", "weights.h5"):
        (folder / name).write_bytes(b"")
    assert weights_file("mobilenet_v2") is None


@pytest.mark.parametrize("backbone", ["mobilenet_v2", JOINED])
def test_a_backbone_without_weights_is_refused_with_the_cure(folder: Path, backbone: str) -> None:
    with pytest.raises(ConfigError, match=r"no weights of MobileNetV2.*--fetch mobilenet_v2"):
        found(backbone=backbone)


def test_weights_and_backbone_that_contradict_each_other_are_refused(mobilenet: str) -> None:
    with pytest.raises(ConfigError, match=r"are not of MobileNetV2 1\.0"):
        found(weights=NAME, backbone="mobilenet_v2")


def test_an_unknown_backbone_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'mobilenet_v2'"):
        found(backbone="mobilnet_v2")


def test_backbone_as_an_option_of_the_release_before_is_accepted() -> None:
    config = FitConfig.model_validate({"options": {"backbone": "mobilenet_v2", "tta_views": 1}})
    assert (config.backbone, config.options) == ("mobilenet_v2", {"tta_views": 1})


@needs_package
def test_the_verb_lists_what_is_at_hand(
    mobilenet: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "other.h5").write_bytes(b"")
    assert main(["weights"]) == 0
    said = capsys.readouterr()
    lines = {line.split()[0]: line for line in said.out.splitlines() if ": " in line}
    assert mobilenet in lines["mobilenet_v2"]
    assert "ready: --weights auto" in lines[NAME]
    assert "absent: --fetch" in lines["mobilenet_v3_small"]
    assert "other.h5" in said.err


def test_a_joined_backbone_is_fetched_part_by_part() -> None:
    with pytest.raises(ConfigError, match=f"--fetch mobilenet_v2 and --fetch {NAME}"):
        fetch(JOINED)


def test_without_a_network_the_fetch_fails_with_a_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    # urlopen keeps the proxies of its first call: no later test of this process may use these.
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setenv("KERAS_HOME", str(folder))
    with pytest.raises(DeviceError, match="cannot be downloaded"):
        fetch("mobilenet_v3_small")
    assert weights_file("mobilenet_v3_small") is None


@pytest.mark.parametrize(
    ("file_name", "backbone"),
    [
        ("mobilenet_v2_0.35.weights.h5", "mobilenet_v2_0.35"),
        (
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.5_224_no_top.h5",
            "mobilenet_v2_0.5",
        ),
        ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", "mobilenet_v2"),
    ],
    ids=["ours", "of Keras", "of Keras, usual width"],
)
def test_the_name_of_a_file_says_its_width(folder: Path, file_name: str, backbone: str) -> None:
    (folder / file_name).write_bytes(b"")
    assert weights_file(backbone) == folder / file_name
    assert found(weights=str(folder / file_name)) == (backbone, str(folder / file_name))


@needs_package
def test_a_narrow_network_is_taken_where_it_is_asked_for_or_nothing_else_is_there(
    folder: Path,
) -> None:
    (folder / "mobilenet_v2_0.35.weights.h5").write_bytes(b"")
    assert found() == (NAME, NAME)
    assert found(backbone="mobilenet_v2_0.35")[0] == "mobilenet_v2_0.35"


@needs_package
def test_every_backbone_with_weights_is_at_hand_the_usual_one_first(mobilenet: str) -> None:
    several = pretrained_at_hand(FitConfig(), "image-class")
    assert [one.backbone for one in several] == ["mobilenet_v2", NAME, JOINED]
    assert several[2].weights == mobilenet


@pytest.mark.parametrize(
    "asked",
    [{"backbone": "mobilenet_v2"}, {"weights": "mobilenet_v2"}, {"weights": "none"}],
    ids=["backbone", "weights", "none"],
)
def test_what_was_asked_for_is_alone_at_hand(mobilenet: str, asked: dict[str, str]) -> None:
    (one,) = pretrained_at_hand(FitConfig(**asked), "image-class")  # type: ignore[arg-type]
    assert one == found(**asked)
