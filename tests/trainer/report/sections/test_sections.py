"""Each section of the report shows its figures, and nothing where the run has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import Markup

from edge_agent.contracts.image.cut_out import CutOut
from edge_agent.contracts.run_folder import write
from edge_agent.contracts.run_folder.metrics import (
    AlarmRuleCounts,
    AlarmRuleMetrics,
    BudgetMetrics,
    BudgetPoint,
    ClippingMetrics,
    LocalisationMetrics,
    PartCosts,
    RunMetrics,
)
from edge_agent.contracts.run_folder.rows import Prediction
from tests.run_folders import metric, write_image_run
from trainer.report.sections.alarm_rule import alarm_rule
from trainer.report.sections.augmentations import augmentations
from trainer.report.sections.budget import budget
from trainer.report.sections.data import data, limits
from trainer.report.sections.disturbances import disturbances, localisation
from trainer.report.sections.label_doubts import label_doubts
from trainer.report.sections.leakage import leakage
from trainer.report.sections.process import gbm_reference, values
from trainer.report.sections.ranking import ranking
from trainer.report.sections.results import results, training
from trainer.report.sections.saliency import saliency
from trainer.report.sections.thresholds import thresholds
from trainer.run_folder.run import FittedRun, open_fitted_run


@pytest.fixture
def run(tmp_path: Path) -> FittedRun:
    return open_fitted_run(write_image_run(tmp_path / "run"))


def bare(run: FittedRun) -> FittedRun:
    """The run without any figure or finding."""
    kept = {"task", "model", "parameters", "protocol", "samples"}
    document = run.metrics.model_dump(include=kept)
    return replace(run, metrics=RunMetrics.model_validate(document))


@pytest.mark.parametrize(
    "section",
    [
        results,
        thresholds,
        alarm_rule,
        budget,
        leakage,
        label_doubts,
        gbm_reference,
        disturbances,
        localisation,
    ],
    ids=lambda section: section.__name__,
)
def test_a_section_without_figures_is_left_out(
    section: Callable[[FittedRun], Markup], run: FittedRun
) -> None:
    assert section(bare(run)) == ""


def test_the_variants_are_drawn_against_their_time_and_the_chosen_one_is_named(
    run: FittedRun,
) -> None:
    points = [
        BudgetPoint(name="160 px", ms=21.5, merit=0.93, chosen=True),
        BudgetPoint(name="96 px", ms=8.2, merit=0.81),
    ]
    found = BudgetMetrics(
        target="rpi4",
        budget_ms=40,
        predicted_ms=22.4,
        within=2,
        source="estimated from elsewhere",
        merit_name="right out of fold",
        points=points,
    )
    shown = budget(replace(run, metrics=run.metrics.model_copy(update={"budget": found})))
    for text in ("rpi4: 22.4 ms", "of 40 ms", "<svg", "0.930", "chosen", "a factor of 2"):
        assert text in shown
    assert "Over the budget" not in shown
    slow = run.metrics.model_copy(update={"budget": found.model_copy(update={"budget_ms": 20})})
    assert "Over the budget" in budget(replace(run, metrics=slow))


def test_all_figures_and_the_baselines_are_listed(run: FittedRun) -> None:
    shown = results(run)
    for text in ("Right label", "97.5 %", "87.5 – 100.0 %", "this network (cnn)", "99.0 %"):
        assert text in shown


def test_the_threshold_shows_counts_bounds_and_costs(run: FittedRun) -> None:
    assert "9 more bad parts without an error" in thresholds(run)
    policy = run.metrics.threshold_policy
    assert policy is not None
    priced = policy.held_out.model_copy(
        update={
            "cost_per_1000": 12.5,
            "cost_per_1000_below": 40.0,
            "escape_ppm": 500.0,
            "escape_ppm_below": 2000.0,
        }
    )
    costs = PartCosts(escape=40, reject=1, defect_rate=0.01)
    update = {"costs": costs, "held_out": priced, "chosen_on": priced}
    metrics = run.metrics.model_copy(update={"threshold_policy": policy.model_copy(update=update)})
    shown = thresholds(replace(run, metrics=metrics))
    assert "12.50" in shown
    assert "2000" in shown
    assert "Expected, not promised" in shown


def test_the_threshold_without_the_most_extreme_good_parts_is_shown_beside_the_chosen_one(
    run: FittedRun,
) -> None:
    shown = thresholds(run)
    for text in ("chose 2 from 31 good parts", "+50.0%", "-25.0%", "score 4.25, rejected", "<img"):
        assert text in shown
    assert "has been replaced since" in shown, "the run's own threshold is another"


def test_windows_of_recordings_are_named_with_their_times(run: FittedRun) -> None:
    found = run.metrics.good_only
    assert found is not None
    window = found.extreme[0].model_copy(update={"path": "a.wav", "starts_s": 4.5})
    again = found.model_copy(update={"unit": "windows", "extreme": [window], "left_out": 0})
    metrics = run.metrics.model_copy(update={"good_only": again, "threshold_policy": None})
    shown = thresholds(replace(run, metrics=metrics))
    for text in ("<h2>Threshold</h2>", "31 good windows", "a.wav", "from 4.5 s"):
        assert text in shown


def test_labels_that_the_network_doubts_are_shown_as_doubts(run: FittedRun) -> None:
    shown = label_doubts(run)
    for text in ("2 of 500", "labelled ok", "looks like dent", "97.5%", "Look at them", "<img"):
        assert text in shown
    none = run.metrics.label_doubts
    assert none is not None
    none = none.model_copy(update={"doubted": 0, "surest": []})
    shown = label_doubts(
        replace(run, metrics=run.metrics.model_copy(update={"label_doubts": none}))
    )
    assert "none has a label that this network doubts" in shown
    assert "<img" not in shown


def test_the_largest_groups_of_copies_are_shown_as_pictures(run: FittedRun) -> None:
    shown = leakage(run)
    for text in ("Largest group: 7 copies, labels dent, ok", "and 6 more", "<img", "look which"):
        assert text in shown


def test_the_alarm_rule_is_shown_beside_each_reading_alone(run: FittedRun) -> None:
    counts = AlarmRuleCounts(
        k=2,
        n=3,
        normal_readings=50,
        over_threshold=4,
        false_alarms=0,
        false_alarm_share_below=0.058,
        faulty_runs=4,
        found=4,
        mean_delay_readings=2.5,
    )
    alone = counts.model_copy(update={"k": 1, "n": 1, "false_alarms": 4})
    found = AlarmRuleMetrics(asked=0.001, chosen_by="2 of 3", chosen=counts, alone=alone)
    shown = alarm_rule(replace(run, metrics=run.metrics.model_copy(update={"alarm_rule": found})))
    for text in ("2 of 3", "1 of 1", "5.80%", "2.5"):
        assert text in shown


def test_both_splits_are_compared_where_copies_leaked(run: FittedRun) -> None:
    shown = leakage(run)
    assert "grouped: no near-duplicate on both sides" in shown
    assert shown.count("97.5 % (87.5 – 100.0 %)") == 2
    given = run.metrics.split_as_given
    assert given is not None
    one_fit = given.model_copy(update={"copied": 12})
    metrics = run.metrics.model_copy(update={"split_as_given": one_fit})
    assert "without the 12 that have a near-duplicate" in leakage(replace(run, metrics=metrics))


def test_the_place_of_the_defect_is_measured_where_masks_are(run: FittedRun) -> None:
    found = LocalisationMetrics(pixel_auroc=metric(0.93))
    metrics = run.metrics.model_copy(update={"localisation": found})
    shown = localisation(replace(run, metrics=metrics))
    assert "AUROC of pixels" in shown
    assert "0.9300" in shown
    assert "PRO" not in shown


def test_labels_are_shown_with_confusion_and_curves(run: FittedRun) -> None:
    shown = ranking(run)
    assert shown.count("<svg") == 3
    assert "Precision and recall" in shown
    untested = run.metrics.per_class["ok"].model_copy(update={"n": 0})
    per_class = {**run.metrics.per_class, "ok": untested}
    metrics = run.metrics.model_copy(update={"per_class": per_class})
    assert ranking(replace(run, metrics=metrics)).count("not tested") == 5


def test_frames_without_a_part_are_in_no_confusion_matrix(run: FittedRun) -> None:
    box = {"along": 0.5, "across": 0.5, "turned": False}
    limits = {"least_area": 0.01, "most_area": 0.1, "least_contrast": 9.0}
    cut = run.spec.input.model_copy(update={"cut_out": CutOut(**box, **limits)})
    cutting = replace(run, spec=run.spec.model_copy(update={"input": cut}))
    first = run.predictions[0]
    lost = replace(first, verdict="NO-VERDICT", needs_baseline="always")
    more = replace(cutting, predictions=[*run.predictions, *[lost] * 7])
    assert matrix_of(more) == matrix_of(cutting)
    twice = replace(cutting, predictions=[*run.predictions, *[first] * 7])
    assert matrix_of(twice) != matrix_of(cutting)


def matrix_of(run: FittedRun) -> str:
    """The section's first drawing."""
    return str(ranking(run)).split("</svg>")[0]


def test_samples_and_groups_are_counted_by_label_and_side(run: FittedRun) -> None:
    shown = data(run)
    assert ">defect<" in shown
    assert shown.count(">20<") == 4
    assert "What was not tested" in limits(run)


def test_saliency_warns_where_random_weights_give_the_same_maps(run: FittedRun) -> None:
    assert "data:image/png;base64," in saliency(run)
    assert "do not read these maps" not in saliency(run)
    found = run.saliency()
    assert found is not None
    write.write_saliency(run.path, found.model_copy(update={"sanity": 0.9}))
    assert "do not read these maps" in saliency(run)


def test_saliency_shows_where_a_detector_scores(run: FittedRun) -> None:
    found = run.saliency()
    assert found is not None
    assert "Where the part is" not in saliency(run)
    shown = found.model_copy(update={"foreground": found.pictures[0].overlay})
    write.write_saliency(run.path, shown)
    assert "Where the part is" in saliency(run)


def test_training_and_augmentations_are_drawn(run: FittedRun) -> None:
    assert "<svg" in training(run)
    assert augmentations(run).count("data:image/jpeg") == 6
    config = run.config.model_copy(
        update={"image": run.config.image.model_copy(update={"augment": []})}
    )
    assert augmentations(replace(run, config=config)) == ""
    as_they_are = run.config.model_copy(update={"model": "patchcore"})
    assert augmentations(replace(run, config=as_they_are)) == ""


def test_predicted_values_are_drawn_with_their_intervals(run: FittedRun) -> None:
    scoring = run.spec.scoring.model_copy(update={"kind": "value"})
    rows = [
        Prediction(n, "log.csv", f"{n}", "life", n + 0.5, "PASS", {}, n - 1.0, n + 1.0)
        for n in range(9)
    ]
    spec = run.spec.model_copy(update={"scoring": scoring})
    assert "Predicted and true" in values(replace(run, spec=spec, predictions=rows))
    assert values(run) == ""
    assert ranking(replace(run, spec=spec, predictions=rows)) == ""


def test_disturbances_are_listed_with_what_they_change(run: FittedRun) -> None:
    shown = disturbances(run)
    assert "10.0 %" in shown
    assert "90.0 %" in shown


def test_the_report_says_what_of_the_pictures_is_clipped_and_by_what(run: FittedRun) -> None:
    found = ClippingMetrics(n=60, good=True, white=0.337, black=0.012, prepared=0.008)
    shown = disturbances(replace(run, metrics=run.metrics.model_copy(update={"clipping": found})))
    assert "60 good training pictures, 33.7 % are at 255 and 1.2 % at 0 as the camera" in shown
    assert "The preparation clips 0.8 % of the others" in shown
    assert "as the camera" not in disturbances(run), "a run of an earlier release"
