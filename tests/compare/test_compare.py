"""A report says what its rows support: no more, and not when they are tampered with."""

import dataclasses
import json
import math
import re
import warnings

import numpy as np
import pytest
import simulated
import torch
from simulated import arm, good, poor
from sklearn.metrics import balanced_accuracy_score, mean_squared_error
from threadpoolctl import threadpool_info, threadpool_limits

from tl_helpers import compare
from tl_helpers.compare import beats, comparison
from tl_helpers.datasets.examples import Examples


@pytest.fixture(scope="module")
def report():
    return simulated.run()


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_OUT", str(tmp_path))
    return tmp_path


def test_every_arm_runs_at_every_budget_and_seed(report):
    cells = {row.key for row in report.rows}
    assert len(cells) == len(report.rows) == 27
    assert all(row.seconds >= 0 and not row.recorded for row in report.rows)
    assert {row.trainable for row in report.rows if row.arm == "probe"} == {11}


def test_table_has_a_line_for_each_arm_and_budget(report):
    table = report.table()
    assert len(table) == 9
    assert (table.low < table["mean"]).all() and (table["mean"] < table.high).all()
    assert set(table.source) == {"live"}


def test_gain_covers_the_known_difference(report):
    gain = report.gain("probe", "scratch", 64)
    assert gain.low < good(64) - poor(64) < gain.high
    assert gain.low > 0


def test_gain_is_over_the_strictest_control(report):
    best = report.best_control(16)
    assert report.mean(best, 16) == max(report.mean(one, 16) for one in ("scratch", "pixels"))
    assert report.gain("probe", budget=16) == report.gain("probe", best, 16)


def test_the_wider_interval_decides():
    def same_each_seed(budget, seed):
        return arm(good, 1)(budget, 0)

    def also_same(budget, seed):
        return arm(poor, 2)(budget, 0)

    report = simulated.run({"probe": same_each_seed, "scratch": also_same})
    # Seeds agree exactly, but 400 test items still leave a doubt.
    gain = report.gain("probe")
    exact = 1.96 * math.sqrt((0.9 * 0.1 + poor(16) * (1 - poor(16))) / 400)
    assert gain.width / 2 == pytest.approx(exact, rel=0.35)


def test_grouped_test_items_widen_the_interval():
    def by_group(chance, salt):
        def predict(budget, seed):
            rng = np.random.default_rng(salt)
            wrong = np.repeat(rng.random(40) > chance, 10)
            return compare.Prediction(np.where(wrong, (truth + 1) % 4, truth))

        return predict

    truth = np.repeat(np.arange(40) % 4, 10)
    arms = {"probe": by_group(0.9, 1), "scratch": by_group(0.5, 2)}
    groups = np.repeat(np.arange(40), 10)
    items = simulated.run(arms, truth=truth).gain("probe")
    photographs = simulated.run(arms, truth=truth, groups=groups).gain("probe")
    assert photographs.width > 2 * items.width


def test_grouped_test_items_widen_the_interval_of_one_arm_too():
    by_item = simulated.run().interval("probe", 4)
    groups = np.arange(400) // 40
    truth = np.repeat(np.arange(4), 100)

    def unlucky_groups(budget, seed):
        return compare.Prediction(np.where(groups % 3 == 0, (truth + 1) % 4, truth))

    arms = {"probe": unlucky_groups, "scratch": arm(poor, 12)}
    grouped = simulated.run(arms, truth=truth, groups=groups).interval("probe", 4)
    items = simulated.run(arms, truth=truth).interval("probe", 4)
    assert grouped.width > 2 * items.width > 0
    assert by_item.exists and grouped.exists


def few_groups(count):
    return simulated.run(groups=np.arange(400) % count)


def test_fewer_than_ten_units_give_no_interval_and_the_verdict_says_so():
    report = few_groups(9)
    assert not report.gain("probe").exists and not report.interval("probe", 4).exists
    assert report.gain("probe").mean == simulated.run().gain("probe").mean
    said = "not enough evidence: 9 independent test units, fewer than 10"
    assert report.verdict() == said
    assert few_groups(10).gain("probe").exists


def test_few_units_that_could_not_be_resampled_still_run():
    report = simulated.run(groups=simulated.TRUTH)  # one unit a class
    assert report.mean("probe", 4) > 0.8 and not report.gain("probe").exists


def test_a_data_set_gives_its_truth_groups_and_fingerprint():
    names = [f"writer {i % 25}" for i in range(400)]
    x = torch.arange(400, dtype=torch.uint8).reshape(400, 1, 1, 1)
    ids = list(map(str, range(400)))
    test = Examples(x, torch.from_numpy(simulated.TRUTH), ids, names, list("abcd"))
    report = simulated.run(test=test, truth=None)
    same = simulated.run(groups=names)
    assert report.gain("probe") == same.gain("probe")
    assert report.setting.units == 25
    assert report.setting.items == test.fingerprint() and same.setting.items is None


@pytest.mark.parametrize(("truth", "classes"), [(simulated.TRUTH, 4), (np.arange(400) % 300, 300)])
def test_draws_that_miss_a_class_are_scored_as_scikit_learn_does(truth, classes):
    def guess(budget, seed):
        wrong = np.random.default_rng(seed).random(400) < 0.3
        return compare.Prediction(np.where(wrong, (truth + 1) % classes, truth))

    report = simulated.run({"probe": guess, "scratch": guess}, truth=truth)
    draws = report.setting.draws.items
    missed = [len(np.unique(truth[items])) < classes for items in draws]
    assert any(missed) == (classes == 300)
    predicted = report.rows[0].predicted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slow = [balanced_accuracy_score(truth[items], predicted[items]) for items in draws]
    np.testing.assert_allclose(report.setting.score_draws(predicted), slow, rtol=1e-12)


def test_draws_are_scored_once_for_equal_predictions_and_anew_for_others():
    calls = []

    def counted(truth, predicted):
        calls.append(len(truth))
        return float(np.mean(truth == predicted))

    report = simulated.run(metric=counted, seeds=[0, 1])
    report.gain("probe", "scratch")
    before = len(calls)
    report.gain("probe", "scratch")
    report.sabotaged("swap").gain("scratch", "probe")
    assert len(calls) == before
    right = report.setting.score_draws(simulated.TRUTH)
    wrong = report.setting.score_draws((simulated.TRUTH + 1) % 4)
    assert (right == 1).all() and (wrong == 0).all()


def test_balanced_accuracy_of_draws_is_scikit_learns(report):
    def slow(truth, predicted):
        return balanced_accuracy_score(truth, predicted)

    plain = dataclasses.replace(report.setting, metric=slow)
    predicted = report.rows[-1].predicted
    np.testing.assert_allclose(
        report.setting.score_draws(predicted), plain.score_draws(predicted), rtol=1e-12
    )


def test_one_seed_gives_no_interval_and_no_verdict():
    report = simulated.run(seeds=[0])
    assert math.isinf(report.gain("probe").width)
    assert math.isinf(report.interval("probe", 4).width)
    assert report.verdict() == "not enough evidence"


def test_lower_is_better_turns_the_gain_round():
    truth = np.linspace(0, 1, 50)

    def guess(error, salt):
        def predict(budget, seed):
            noise = np.random.default_rng([salt, seed, budget]).normal(0, error, 50)
            return compare.Prediction(truth + noise)

        return predict

    report = simulated.run(
        {"probe": guess(0.1, 1), "scratch": guess(0.5, 2), "mean": guess(0.9, 3)},
        truth=truth,
        metric=mean_squared_error,
        higher_is_better=False,
    )
    assert report.gain("probe").low > 0
    assert report.best_control(4) == "scratch"
    assert report.verdict() == "transfer"
    assert report.labels_saved("probe", 4).censored


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (good, poor, "transfer"),
        (poor, good, "do not transfer"),
        (poor, poor, "not enough evidence"),
    ],
)
def test_verdict_follows_the_interval(ours, theirs, verdict):
    assert simulated.run({"probe": arm(ours, 1), "scratch": arm(theirs, 2)}).verdict() == verdict


def exact(values):
    """An arm with exactly these accuracies at the budgets, whatever the seed."""

    def predict(budget, seed):
        right = round(100 * values[budget])
        wrong = np.tile(np.arange(100) >= right, 4)
        truth = np.repeat(np.arange(4), 100)
        return compare.Prediction(np.where(wrong, (truth + 1) % 4, truth))

    return predict


def saved(ours, theirs, budget):
    report = simulated.run(
        {"probe": exact(ours), "scratch": exact(theirs)},
        budgets=list(theirs),
        truth=np.repeat(np.arange(4), 100),
    )
    return report.labels_saved("probe", budget)


def test_labels_saved_interpolates_on_a_log_scale():
    controls = {10: 0.4, 100: 0.6, 1000: 0.8}
    half_way = saved({10: 0.5, 100: 0.7, 1000: 0.9}, controls, 10)
    assert half_way == (round(10**1.5) - 10, False)
    assert str(half_way) == "22"
    assert saved({10: 0.6, 100: 0.7, 1000: 0.9}, controls, 10) == (90, False)


def test_labels_saved_is_censored_where_the_controls_never_get_there():
    never = saved({10: 0.9, 100: 0.9, 500: 0.9}, {10: 0.4, 100: 0.6, 500: 0.8}, 10)
    assert never == (490, True)
    assert str(never) == "> 490"


def test_labels_saved_is_negative_where_a_control_needs_fewer():
    assert saved({10: 0.2, 100: 0.4, 500: 0.5}, {10: 0.4, 100: 0.6, 500: 0.8}, 500) == (
        round(10**1.5) - 500,
        False,
    )


def test_labels_saved_never_reads_as_a_negative_number():
    assert str(compare.Saved(-27, False)) == "none: the best control needs fewer"
    assert str(compare.Saved(-27, True)) == "not measured: no control ran with as many labels"
    assert (str(compare.Saved(0, False)), str(compare.Saved(0, True))) == ("0", "> 0")


def test_labels_saved_counts_the_classical_control_too():
    perfect, ours = {4: 0.95, 16: 0.95, 64: 0.95}, {4: 0.9, 16: 0.9, 64: 0.9}
    arms = {"probe": exact(ours), "scratch": exact({4: 0.3, 16: 0.4, 64: 0.5})}
    truth = np.repeat(np.arange(4), 100)
    assert simulated.run(arms, truth=truth).labels_saved("probe", 16) == (48, True)
    arms["pixels"] = exact(perfect)
    assert simulated.run(arms, truth=truth).labels_saved("probe", 16) == (-12, False)


def test_swapping_or_permuting_makes_a_true_claim_fall(report, capsys):
    assert report.claim("frozen features win", beats("probe")) is True
    assert capsys.readouterr() == ("holds: frozen features win\n", "")
    for how in ("swap", "permute"):
        broken = report.sabotaged(how)
        assert broken.sabotage == how
        assert not broken.gain("probe").low > 0


def test_permuted_labels_leave_every_arm_at_chance(report):
    broken = report.sabotaged("permute")
    assert all(abs(row.value - 0.25) < 0.12 for row in broken.rows)


def test_swapping_gives_every_pretrained_arm_a_controls_results():
    arms = {"probe": arm(good, 1), "tuned": arm(good, 2), "scratch": arm(poor, 3)}
    report = simulated.run(arms, pretrained=["probe", "tuned"])
    broken = report.sabotaged("swap")
    for name in ("probe", "tuned"):
        assert broken.mean(name, 16) == report.mean("scratch", 16)
    assert broken.mean("scratch", 16) == report.mean("probe", 16)


def test_claims_print_one_line_each_and_are_kept_once(report, capsys):
    for _ in range(2):
        assert report.claim("pixels win", beats("pixels", "probe")) is False
    assert capsys.readouterr().out == "does not hold: pixels win\n" * 2
    assert [claim.text for claim in report.claims].count("pixels win") == 1


def test_smoke_evaluates_no_claim(out, capsys):
    report = simulated.run(seeds=[0], runtime=simulated.runtime("smoke"))
    assert report.claim("never asked", beats("probe")) is None
    assert capsys.readouterr().out == "not evaluated at smoke size: never asked\n"
    card = json.loads(report.save().read_text())
    assert card["claims"] == [{"task": "main", "text": "never asked", "holds": None}]
    assert card["verdict"] == "not evaluated"
    assert card["gain"] is None and card["labels_saved"] is None
    assert card["sabotage"] == {"swap": None, "permute": None}


def test_a_claim_about_rows_that_are_missing_is_not_evaluated(capsys):
    report = simulated.run(live={"probe": [4]})
    assert report.claim("at 64", beats("probe", budget=64)) is None
    assert capsys.readouterr().out == "not evaluated for lack of recorded rows: at 64\n"


def test_scorecard_has_the_fields_of_version_1(out):
    report = simulated.run()
    language = simulated.run(task="language", metric_name="made-up score")
    report.claim("wins", beats("probe"))
    language.claim("wins there", beats("probe", "scratch", 4))
    checks = [{"id": "1.1.1", "state": "passed"}]
    path = report.save(others=[language], checks=checks)
    assert path == out / "1.1.json" and list(out.iterdir()) == [path]
    card = json.loads(path.read_text())
    assert set(card) == {
        *("version", "lesson", "profile", "seed", "metric", "higher_is_better", "rows", "gain"),
        *("labels_saved", "verdict", "claims", "checks", "seconds", "peak_mib", "versions"),
        *("headline", "tasks", "sabotage", "stale", "tolerance", "edges"),
    }
    assert (card["version"], card["lesson"], card["profile"], card["seed"]) == (
        *(1, "1.1", "laptop"),
        0,
    )
    assert card["metric"] == "balanced accuracy" and card["higher_is_better"] is True
    assert set(card["rows"][0]) == {
        *("task", "arm", "budget", "seed", "value", "seconds", "trainable", "recorded"),
    }
    assert {row["task"] for row in card["rows"]} == {"main", "language"}
    assert set(card["gain"]) == {"mean", "low", "high"}
    assert set(card["labels_saved"]) == {"value", "censored"}
    assert card["verdict"] == "transfer" and card["stale"] is False
    assert [claim["holds"] for claim in card["claims"]] == [True, True]
    both = ["wins", "wins there"]
    assert card["sabotage"] == {"swap": both, "permute": both}
    assert card["checks"] == checks
    assert card["peak_mib"] > 0 and card["seconds"] > 0
    assert {"python", "numpy", "torch"} <= set(card["versions"])


def test_a_scorecard_without_an_interval_is_still_json(out):
    card = json.loads(simulated.run(seeds=[0]).save().read_text())
    assert card["gain"]["low"] is None and card["gain"]["mean"] > 0


def test_a_scorecard_is_stale_when_any_of_its_reports_is(out):
    fresh, stale = simulated.run(), simulated.run(task="language")
    assert json.loads(fresh.save(others=[stale]).read_text())["stale"] is False
    stale.stale = True
    assert json.loads(fresh.save(others=[stale]).read_text())["stale"] is True
    assert json.loads(stale.save(others=[fresh]).read_text())["stale"] is True


def test_two_tasks_of_one_name_are_refused(report, out):
    with pytest.raises(ValueError, match="own task name"):
        report.save(others=[report])
    assert not list(out.iterdir())


def test_live_restricts_budgets_and_seeds():
    report = simulated.run(live={"probe": [4], "scratch": ([16], [1])})
    cells = {row.key for row in report.rows if row.arm != "pixels"}
    assert cells == {("probe", 4, seed) for seed in (0, 1, 2)} | {("scratch", 16, 1)}


def predicts(value):
    return {"probe": arm(good, 1), "scratch": lambda budget, seed: compare.Prediction(value)}


def broken_metric(truth, predicted):
    raise RuntimeError("no idea")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arms": predicts(np.zeros(7))}, r"shape \(7,\); expected \(400,\)"),
        ({"arms": predicts(np.full(400, np.nan))}, "NaN"),
        ({"arms": predicts(np.array([None] * 400))}, "Python objects"),
        ({"metric": broken_metric}, "broken metric failed on 400 predictions"),
        ({"metric": lambda t, p: float("nan"), "metric_name": "mine"}, "mine gave nan"),
        ({"metric": lambda t, p: 1.0}, "give metric_name"),
        ({"seeds": [0, 1, 0]}, "expected different ones"),
        ({"seeds": []}, "expected different ones"),
        ({"budgets": [16, 4]}, "increasing"),
        ({"budgets": [0, 4]}, "at least 1"),
        ({"pretrained": ["prob"]}, "prob, which is no arm"),
        ({"headline": ("probe", 5)}, "headline"),
        ({"live": {"nobody": [4]}}, "nobody"),
        ({"live": {"probe": [5]}}, r"at \[5\]"),
        ({"groups": [1, 2]}, "one group for each"),
        ({"groups": np.where(simulated.TRUTH == 0, 0, np.arange(400))}, "single test group"),
        ({"truth": None}, "one of the two"),
        ({"study": "1.1-x"}, "without live"),
        ({"truth": []}, "test labels"),
    ],
)
def test_misuse_is_named(changes, reason):
    with pytest.raises(ValueError, match=reason):
        simulated.run(**changes)


def test_an_arm_that_fails_or_returns_something_else_is_named():
    def crash(budget, seed):
        raise KeyError("lost")

    with pytest.raises(KeyError) as caught:
        simulated.run({"probe": arm(good, 1), "scratch": crash})
    assert caught.value.__notes__ == ["This happened in arm 'scratch' at 4 labels, seed 0."]
    with pytest.raises(TypeError, match="returned ndarray"):
        simulated.run({"probe": lambda b, s: simulated.TRUTH})


def test_questions_about_unknown_arms_are_refused(report):
    with pytest.raises(ValueError, match="it has probe, scratch, pixels"):
        report.mean("prob", 4)
    with pytest.raises(ValueError, match="it has 4, 16, 64"):
        report.gain("probe", budget=5)
    with pytest.raises(ValueError, match="swap or permute"):
        report.sabotaged("shuffle")


def test_missing_rows_say_so():
    report = simulated.run(live={"probe": [4]})
    with pytest.raises(compare.MissingRows, match="neither ran here nor is recorded"):
        report.mean("probe", 64)
    only = simulated.run({"probe": arm(good, 1)})
    with pytest.raises(compare.MissingRows, match="without pretraining"):
        only.gain("probe")


def test_two_dimensional_scores_and_string_labels_work():
    names = np.array(["oak", "pine", "slate", "wool"])[simulated.TRUTH]
    assert simulated.run({"probe": lambda b, s: compare.Prediction(names)}, truth=names).mean(
        "probe", 4
    ) == pytest.approx(1)

    def top1(truth, scores):
        return float((scores.argmax(1) == truth).mean())

    report = simulated.run(
        {"probe": lambda b, s: compare.Prediction(np.eye(4)[simulated.TRUTH])}, metric=top1
    )
    assert report.mean("probe", 4) == 1


def test_claim_lines_hold_no_floats(report, capsys):
    report.claim("probe is ahead at every budget", beats("probe", budget=[4, 16, 64]))
    assert not re.search(r"\d\.\d", capsys.readouterr().out)


def test_arms_run_with_one_blas_thread_and_the_setting_comes_back():
    def blas_threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen = []

    def watching(budget, seed):
        seen.append(blas_threads())
        return arm(good, 11)(budget, seed)

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        simulated.run({"probe": watching, "scratch": arm(poor, 12)})
        assert blas_threads() == before
    assert seen and all(threads == {1} for threads in seen)


def test_memory_that_a_long_run_has_freed_goes_back_to_the_system(monkeypatch):
    calls = []
    monkeypatch.setattr(comparison, "trim_memory", lambda: calls.append("trim"))
    simulated.run(budgets=[4], seeds=[0, 1])
    assert len(calls) == 1  # before the comparison; these arms take no time
    monkeypatch.setattr(comparison, "_LONG", 0.0)
    simulated.run(budgets=[4], seeds=[0, 1])
    assert len(calls) == 1 + 1 + 3 * 2


def test_metrics_are_named_as_in_print():
    def image_auroc(truth, given): ...

    def macro_f1_score(truth, given): ...

    assert compare.setting.name_of(image_auroc) == "image AUROC"
    assert compare.setting.name_of(macro_f1_score) == "macro F1"
    assert compare.setting.name_of(balanced_accuracy_score) == "balanced accuracy"
