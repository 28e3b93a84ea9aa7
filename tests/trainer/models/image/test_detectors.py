"""Detectors on small drawn plates with a small backbone: what the graph computes, not how well."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.model.target_cost import find_cost
from edge_agent.infer.runtime_choice import open_runtime
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.prepare import prepare
from trainer.data.split import Split
from trainer.models.image import auto_anomaly as detector
from trainer.models.image import autoencoder, padim, patchcore
from trainer.models.image.backbone import NETWORK
from trainer.models.image.feature_maps import FEATURES, detector_spec, scale_of
from trainer.models.image.foreground import Ground, foreground_model, set_floor, set_ground
from trainer.models.image.heat_mean import set_mean, weighted
from trainer.models.image.padim import fit_gaussians
from trainer.models.image.patch_memory import fit_memory
from trainer.models.image.score_fusion import joined_scales, rounding_of
from trainer.models.image.whole_picture import fit_whole, set_whole
from trainer.models.layers.work import work_of
from trainer.workflow.experiment import Experiment, run_experiment
from trainer.workflow.run_metrics import baseline_metrics
from trainer.workflow.worth_a_look import good_only_threshold

if TYPE_CHECKING:
    import keras

SIZE_PX = 64

pytestmark = pytest.mark.usefixtures("small_backbone")

OPTIONS: dict[str, dict[str, object]] = {
    "padim": {"dimensions": 8, "synthetic_share": 0},
    "padim with planted defects": {"dimensions": 8},
    "patchcore": {"dimensions": 8, "prototypes": 32, "synthetic_share": 0},
    "autoencoder": {"code": 4},
}


def good_only(plates: Path) -> Split:
    """Good plates train; a few of them and all scratched ones are held out."""
    dataset = load_dataset(plates)
    config = dataset.config.model_copy(update={"task": "image-anomaly"})
    dataset = replace(dataset, config=config)
    bad = dataset.is_bad()
    good = np.flatnonzero(~bad)
    return Split(dataset, good[:18], good[18:24], np.r_[good[24:], np.flatnonzero(bad)], "drawn")


def fitted(plates: Path, model: str) -> Experiment:
    config = FitConfig(
        model=model.split()[0],
        weights="none",
        epochs=2,
        batch=8,
        image=ImageTable(size_px=SIZE_PX),
        options=OPTIONS[model],
    )
    return run_experiment(good_only(plates), config, "plates")


@pytest.fixture(scope="module")
def fits(plates: Path, small_backbone: None) -> Callable[[str], Experiment]:
    """`fits(model)`: its experiment, made once."""
    return cache(lambda model: fitted(plates, model))


PLANTED = pytest.param("padim with planted defects", marks=pytest.mark.slow)
PATCHCORE = pytest.param("patchcore", marks=pytest.mark.slow)


@pytest.mark.parametrize("model", ["padim", PATCHCORE])
def test_a_detector_is_judged_by_parts_unseen(
    model: str, fits: Callable[[str], Experiment]
) -> None:
    experiment = fits(model)
    fitted, scoring = experiment.fitted, experiment.spec.scoring
    assert fitted.cross_fitted is not None
    assert fitted.cross_fitted.shape == (6, 1)
    np.testing.assert_allclose(experiment.val.scores, fitted.cross_fitted[:, 0], rtol=1e-6)
    split, spec = experiment.split, experiment.spec.input
    known = prepare(split.dataset, split.val, spec, SilentProgress(), "")
    own = fitted.model.predict(known.inputs.astype(np.float32), verbose=0)[0]
    assert own.mean() < fitted.cross_fitted.mean(), "the final detector learnt from them"
    chosen = r"\bof 24 .* of 8 groups.* each scored without its group"
    assert re.search(chosen, scoring.chosen_by)
    assert scoring.threshold > fitted.cross_fitted.max()
    assert "24 good parts" in fitted.notes[0]


@pytest.fixture(scope="module", params=["padim", "autoencoder", PATCHCORE, PLANTED])
def experiment(request: pytest.FixtureRequest, fits: Callable[[str], Experiment]) -> Experiment:
    return fits(request.param)


def test_a_detector_gives_a_score_and_a_heat_map_whose_peak_it_is(experiment: Experiment) -> None:
    inputs = experiment.held_out.inputs[:3].astype(np.float32)
    score, heat = experiment.fitted.model.predict(inputs, verbose=0)
    assert score.shape == (3, 1)
    assert heat.ndim == 4
    np.testing.assert_allclose(score[:, 0], heat.max(axis=(1, 2, 3)), rtol=1e-5)


def test_the_good_parts_that_chose_the_threshold_are_known(experiment: Experiment) -> None:
    found, dataset = experiment.good_parts, experiment.split.dataset
    assert found is not None
    assert found.threshold == experiment.spec.scoring.threshold
    assert not dataset.is_bad()[found.samples].any()
    assert set(experiment.split.val) <= set(found.samples)
    assert not set(experiment.split.test) & set(found.samples)
    shown = good_only_threshold(experiment)
    assert shown is not None
    highest = int(found.samples[int(found.scores.argmax())])
    assert shown.extreme[0].path == dataset.samples[highest].path
    assert shown.extreme[0].starts_s is None


def test_a_picture_is_judged_alone_as_among_others(experiment: Experiment) -> None:
    inputs = experiment.held_out.inputs[:3].astype(np.float32)
    network = experiment.fitted.model
    score, heat = network.predict_on_batch(inputs)
    for place in range(3):
        alone, map_alone = map(np.asarray, network(inputs[place : place + 1], training=False))
        np.testing.assert_allclose(alone[0], score[place], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(map_alone[0], heat[place], rtol=1e-3, atol=1e-4)


def test_int8_ranks_as_float_does(experiment: Experiment) -> None:
    from benchmarks.int8 import run_images

    inputs = experiment.held_out.inputs
    result = run_images(experiment.fitted.model, experiment.calibration, inputs)
    scores = experiment.test.outputs[:, 0]
    assert np.corrcoef(result.outputs[:, 0], scores)[0, 1] > 0.5
    assert result.heat is not None
    assert result.outputs.dtype == np.float32


def test_trivial_baselines_of_a_detector_are_scores(experiment: Experiment) -> None:
    assert experiment.baselines == {}
    scores = experiment.baseline_scores
    assert set(scores) == {"brightness, distance to good", "thumbnail, distance to good"}
    figures = baseline_metrics(experiment.outcome, {}, scores)
    assert all(row.auroc and 0 <= row.auroc.value <= 1 for row in figures.values())


@pytest.mark.slow
def test_the_float_head_of_an_int8_file_does_not_saturate(
    fits: Callable[[str], Experiment],
) -> None:
    from benchmarks.int8 import convert_images

    experiment = fits("padim")
    good_only_calibration = experiment.held_out.inputs[:2]
    runtime = open_runtime(convert_images(experiment.fitted.model, good_only_calibration))
    noise = np.random.default_rng(0).integers(0, 256, (1, SIZE_PX, SIZE_PX, 3), np.uint8)
    odd = float(runtime.invoke([noise])[0].reshape(-1)[0])
    usual = float(experiment.test.outputs.min())
    assert runtime.inputs[0].dtype == "uint8"
    assert runtime.outputs[0].dtype == "float32"
    assert odd > usual
    runtime.close()


@pytest.mark.parametrize("model", ["padim", "patchcore"])
def test_a_change_of_the_background_does_not_move_a_score(model: str) -> None:
    """The backbone is drawn at random: what the graph leaves out is left out in int8 too."""
    from benchmarks.int8 import run_images

    module = {"padim": padim, "patchcore": patchcore}[model]
    config = FitConfig(weights="none", image=ImageTable(size_px=128))
    options = module.ARCHITECTURE.options(**OPTIONS[model], foreground="on")
    spec = module.spec_of(None, config, options)
    network = module.build(spec, 1, config, options)
    tap = network.get_layer(FEATURES).input[0]
    uncovered = np.ones((8, 8), np.float32)
    uncovered[:, :2] = 0
    set_ground(network, Ground(np.zeros(tap.shape[3], np.float32), -9.0, uncovered))
    set_floor(network, -5.0)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, *spec.shape), np.uint8)
    shown = foreground_model(network)
    assert shown is not None
    places = shown.predict(pixels.astype(np.float32), verbose=0)[0, ..., 0]
    assert (places[:, 0] == 1).all()
    assert (places[:, -1] == 0).all()
    heat = network.predict(pixels.astype(np.float32), verbose=0)[1][..., 0]
    np.testing.assert_allclose(heat[:, places == 0], -5, atol=1e-4)
    assert np.abs(heat[:, places == 1] + 5).min() > 1e-3
    result = run_images(network, pixels, pixels)
    assert result.heat is not None
    np.testing.assert_allclose(result.heat.reshape(heat.shape)[:, places == 0], -5, atol=1e-4)


@pytest.mark.parametrize("dimensions", [8, 7])
def test_the_graph_of_padim_computes_what_its_estimates_say(dimensions: int) -> None:
    config = FitConfig(weights="none", image=ImageTable(size_px=SIZE_PX))
    options = padim.PadimOptions(dimensions=dimensions, synthetic_share=0)
    spec = padim.spec_of(None, config, options)  # type: ignore[arg-type]
    network = padim.build(spec, 1, config, options)
    padim._set_projection(network, 1)
    pixels = np.random.default_rng(0).integers(0, 256, (30, *spec.shape)).astype(np.float32)
    features = _features_of(network)
    cells, whole = features.predict(pixels, verbose=0)
    shares, scale = options.shares(), (2.0, -1.0)
    places, picture = fit_gaussians(cells, 1), fit_whole(whole)
    padim._set_gaussians(network, places, scale)
    set_whole(network, picture, scale)
    set_mean(network, shares, (0.5, -0.25))
    heats = np.broadcast_arrays(2 * places.heat(cells) - 1, 2 * picture.heat(whole) - 1)
    heat = network.predict(pixels, verbose=0)[1]
    together = 0.5 * weighted(np.stack(heats), shares, are_squares=False) - 0.25
    np.testing.assert_allclose(heat[..., 0], together, rtol=2e-3, atol=2e-3)


def test_the_graph_of_patches_computes_what_its_memories_say() -> None:
    config = FitConfig(weights="none", image=ImageTable(size_px=SIZE_PX))
    options = patchcore.PatchcoreOptions(dimensions=8, prototypes=16, synthetic_share=0)
    spec = patchcore.spec_of(None, config, options)  # type: ignore[arg-type]
    network = patchcore.build(spec, 1, config, options)
    pixels = np.random.default_rng(0).integers(0, 256, (9, *spec.shape)).astype(np.float32)
    *features, whole = _features_of(network).predict(pixels, verbose=0)
    shares, heats = options.shares(), []
    for name, count, cells in zip(patchcore.SCORERS, options.counts(), features, strict=True):
        memory = fit_memory(cells[:4], 8, count, seed=1)
        patchcore._set_memory(network, name, memory, (0.5, 1.0))
        heats.append(0.5 * memory.heat(cells) + 1)
    picture = fit_whole(whole)
    set_whole(network, picture, (2.0, -1.0))
    set_mean(network, shares, (0.5, -0.25))
    heats.append(np.broadcast_to(2 * picture.heat(whole) - 1, heats[0].shape))
    heat = network.predict(pixels, verbose=0)[1]
    together = 0.5 * patchcore.joined(shares)(np.stack(heats)) - 0.25
    np.testing.assert_allclose(heat[..., 0], together, rtol=2e-3, atol=2e-3)


def _features_of(network: keras.Model) -> keras.Model:
    """Pixels to the features of a detector."""
    import keras

    pixels = keras.Input(network.input_shape[1:])
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    return keras.Model(pixels, network.get_layer(FEATURES)(network.get_layer(NETWORK)(x)))


def test_rounding_is_allowed_for_where_good_parts_hardly_differ() -> None:
    """A plain background: good parts differ by 0.001, int8 moves the features by 0.1."""
    rng = np.random.default_rng(0)
    plain = 5 + 0.001 * rng.normal(size=(60, 4, 4, 8)).astype(np.float32)
    plain[:, :2] += 0.3 * rng.normal(size=(60, 2, 4, 8)).astype(np.float32)
    rounded = plain + 0.1 * rng.choice([-1, 1], (60, 4, 4, 8)).astype(np.float32)
    rounding = rounding_of(np.concatenate([plain, rounded]))
    assert rounding == pytest.approx(0.01, rel=1e-3)
    unlike = plain.mean(axis=0) + 0.1
    strict, allowing = (
        fit_gaussians(plain, 1, noise).heat(unlike[None]) for noise in (0.0, rounding)
    )
    assert (allowing[0, 2:] < 3).all()
    assert allowing[0, 2:].max() < 0.5 * strict[0, 2:].min()


def test_a_block_fits_rows_and_columns_too() -> None:
    cells = np.random.default_rng(0).normal(size=(40, 4, 1, 3)).astype(np.float32)
    places = fit_gaussians(cells, 2)
    assert places.whiten.shape == (4, 1, 3, 3)
    assert places.heat(cells).shape == (40, 4, 1)


def test_judges_are_made_alike_before_they_are_joined() -> None:
    rng = np.random.default_rng(0)
    quiet = rng.normal(size=(200, 3, 3)).astype(np.float32)
    loud = 1000 * rng.normal(size=(200, 3, 3)).astype(np.float32) + 5000
    fusion = joined_scales([quiet, loud], lambda heats: heats.mean(axis=0))
    fused, scores = fusion.fused, fusion.scores
    (first, first_lift), (second, second_lift) = fusion.scales
    spread = [float(np.std(first * quiet)), float(np.std(second * loud))]
    assert spread[0] == pytest.approx(spread[1], rel=0.3)
    again = (first * quiet + first_lift + second * loud + second_lift) / 2
    again = fused[0] * again.max(axis=(1, 2)) + fused[1]
    np.testing.assert_allclose(again, scores, rtol=1e-3, atol=1e-3)
    assert np.median(scores) == pytest.approx(0, abs=1e-3)
    assert np.quantile(scores, 0.99) == pytest.approx(1, abs=1e-3)


def test_distances_are_mahalanobis_distances() -> None:
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 10.0], np.float32)
    cells = (rng.normal(size=(4000, 2, 2, 2)) * spread).astype(np.float32)
    places = fit_gaussians(cells, 1)
    off = np.zeros((1, 2, 2, 2), np.float32) + places.mean
    off[..., 0] += 3
    near = places.heat(off)
    off[..., 0] -= 3
    off[..., 1] += 3
    far = places.heat(off)
    np.testing.assert_allclose(near, 2.5, rtol=0.2)
    assert (far < near / 3).all()


def test_the_scale_takes_the_usual_to_0_and_the_rare_to_1() -> None:
    gain, lift = scale_of(np.arange(101.0))
    np.testing.assert_allclose([50 * gain + lift, 99 * gain + lift], [0, 1], atol=1e-9)


def test_a_size_that_no_grid_fits_is_refused() -> None:
    config = FitConfig(image=ImageTable(size_px=100))
    with pytest.raises(ConfigError, match=r"100 px is no multiple of 32.*take 96"):
        padim.spec_of(None, config, padim.PadimOptions())  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", ["missing.h5", "torn"])
def test_wrong_weights_are_refused_by_name(weights: str, tmp_path: Path) -> None:
    path = tmp_path / "torn.weights.h5"
    path.write_bytes(b"no weights")
    chosen = str(path) if weights == "torn" else weights
    config = FitConfig(weights=chosen)
    options = patchcore.PatchcoreOptions(aspect="square")
    spec = patchcore.spec_of(None, config, options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="weights"):
        patchcore.build(spec, 1, config, options)


@pytest.mark.parametrize("module", [padim, patchcore, autoencoder, detector])
def test_a_detector_learns_from_good_parts_alone(module: object) -> None:
    row = module.ARCHITECTURE  # type: ignore[attr-defined]
    assert row.tasks == ("image-anomaly",)
    assert row.scoring == "anomaly"
    assert row.calibration is not None


@pytest.mark.slow
def test_a_candidate_over_the_budget_is_not_ranked() -> None:
    config = FitConfig(weights="none", target="rpi4", image=ImageTable(size_px=SIZE_PX))
    spec = detector_spec(config, SIZE_PX)
    cost = find_cost("rpi4")
    times_ms = {
        one.name: cost.predict_ms(work_of(one.build(spec, 1, config, one.defaults)))
        for one in detector.CANDIDATES
    }
    fast = min(times_ms, key=lambda name: times_ms[name])
    asked = config.model_copy(update={"budget_ms": times_ms[fast]})
    assert [one.name for one in detector.candidates_within(spec, asked)] == [fast]
