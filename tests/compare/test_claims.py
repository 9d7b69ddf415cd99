"""A claim holds where its interval shows it, is refused where there is none, and says how often."""

import json
import re

import numpy as np
import pytest
import simulated
from simulated import arm

from tl_helpers import compare
from tl_helpers.compare import beats, claim_record, fails, leads_more, saves, within

REASON = "two points are less than two annotators differ by"


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_RESULTS", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def report():
    return simulated.run()


def level(accuracy, salt):
    """An arm of this accuracy at every budget."""
    return arm(lambda budget: accuracy, salt)


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        (beats("probe"), True),
        (beats("probe", "scratch"), True),
        (beats("probe", ["scratch", "pixels"], [4, 16, 64]), True),
        (beats("scratch", "pixels"), False),
        (beats(["probe", "scratch"], "pixels"), False),
        (beats("scratch", "probe"), False),
        (beats("scratch"), False),
        (within(0.2, "scratch", "pixels", because=REASON), True),
        (within(0.02, "scratch", "pixels", because=REASON), False),
        (within(0.2, "probe", "scratch", because=REASON), False),
        (within(0.2, "scratch", "probe", because=REASON), False),
        (saves(12, "probe", 4), True),
        (saves(60, "probe", 4), True),
        (saves(12, "scratch", 4), False),
        (leads_more("probe", "scratch", 4, 64), True),
        (leads_more("probe", "scratch", 64, 4), False),
        (leads_more("scratch", "pixels", 64, 4), False),
        (fails("scratch", "probe"), True),
        (fails("scratch", "probe", 4, by=0.5), True),
        (fails("scratch", "probe", 4, by=0.7), False),
        (fails(["scratch", "pixels"], "probe", [4, 16]), True),
        (fails("probe", "scratch"), False),
    ],
    ids=repr,
)
def test_statement_holds_where_its_interval_shows_it(report, statement, holds):
    assert statement.on(report) is holds


def test_a_lead_of_means_that_the_interval_does_not_show_is_no_claim():
    arms = {"probe": level(0.76, 1), "scratch": level(0.74, 2)}
    report = simulated.run(arms, seeds=range(3))
    gain = report.gain("probe")
    assert gain.low < 0 < gain.high
    assert not beats("probe").on(report) and not beats("scratch", "probe").on(report)


def test_equal_means_are_not_within_a_margin_smaller_than_the_doubt():
    arms = {"probe": level(0.75, 1), "scratch": level(0.75, 2)}
    report = simulated.run(arms)
    gain = report.gain("probe")
    wide, narrow = abs(gain.mean) + gain.width, max(abs(gain.mean), 1e-3)
    assert within(wide, "probe", "scratch", because=REASON).on(report)
    assert not within(narrow, "probe", "scratch", because=REASON).on(report)


def test_beating_the_best_control_is_not_beating_every_control():
    arms = {"probe": level(0.9, 1), "scratch": level(0.3, 2)}

    def erratic(budget, seed):
        return level(0.99 if seed == 0 else 0.2, 3)(budget, seed)

    report = simulated.run({**arms, "pixels": erratic})
    assert beats("probe", "scratch").on(report)
    assert not beats("probe").on(report)


def test_lower_is_better_turns_every_statement_round():
    def error_rate(truth, predicted):
        return float(np.mean(truth != predicted))

    report = simulated.run(metric=error_rate, higher_is_better=False)
    shown = [
        beats("probe"),
        saves(12, "probe", 4),
        leads_more("probe", "scratch", 4, 64),
        fails("scratch", "probe", by=0.2),
    ]
    assert all(statement.on(report) for statement in shown)


def test_one_seed_or_few_units_refuse_a_claim_and_say_why(report):
    one = simulated.run(seeds=[0])
    few = simulated.run(groups=np.arange(400) % 9)
    statements = [
        beats("probe"),
        within(0.9, "probe", "scratch", because=REASON),
        saves(12, "probe", 4),
        leads_more("probe", "scratch", 4, 64),
        fails("scratch", "probe"),
    ]
    for statement in statements:
        with pytest.raises(compare.NoInterval, match="share one seed.*run at least two"):
            statement.on(one)
        with pytest.raises(compare.NoInterval, match="main come from 9 independent units"):
            statement.on(few)
    with pytest.raises(ValueError, match="fewer than 10"):
        few.claim("probe wins", beats("probe"))
    assert few.claims == []
    with pytest.raises(compare.NoInterval, match="9 independent units"):
        leads_more("probe", "scratch", 4, 4, than=few).on(report)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: beats([]), "a is empty"),
        (lambda: beats("probe", []), "b is empty"),
        (lambda: beats("probe", budget=[]), "budget is empty"),
        (lambda: within(0, "a", "b", because=REASON), "margin is 0"),
        (lambda: within(float("inf"), "a", "b", because=REASON), "margin is inf"),
        (lambda: within(0.1, "a", "b", because=" "), "because is empty"),
        (lambda: saves(0, "probe", 4), "labels is 0"),
        (lambda: leads_more("a", "b", 4, 4), "both 4"),
        (lambda: fails("a", "b", by=-0.1), "by is -0.1"),
    ],
)
def test_statements_that_could_not_fall_are_refused(make, reason):
    with pytest.raises(ValueError, match=reason):
        make()


def test_labels_saved_are_claimed_at_measured_budgets_alone(report):
    with pytest.raises(ValueError, match="make 11, which was not measured; expected one of 4, 16"):
        saves(7, "probe", 4).on(report)


def test_unknown_arms_and_budgets_are_named(report):
    with pytest.raises(ValueError, match="it has probe, scratch, pixels"):
        beats("prob").on(report)
    with pytest.raises(ValueError, match="it has 4, 16, 64"):
        beats("probe", "scratch", 5).on(report)


@pytest.mark.parametrize("statement", [True, lambda r: True, None, "beats", np.bool_(True)])
def test_a_claim_takes_a_statement_and_nothing_else(report, statement):
    before = list(report.claims)
    with pytest.raises(TypeError, match=r"expected beats\(\.\.\.\), within"):
        report.claim("vague", statement)
    assert report.claims == before


@pytest.mark.parametrize(
    "statement",
    [
        beats("probe"),
        saves(12, "probe", 4),
        leads_more("probe", "scratch", 4, 64),
        fails("scratch", "probe"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("how", ["swap", "permute"])
def test_true_claims_fall_on_a_sabotaged_report(report, statement, how):
    assert statement.on(report) and not statement.on(report.sabotaged(how))


def test_a_sabotaged_report_that_cannot_say_is_no_fall(report, tmp_path, monkeypatch):
    monkeypatch.setenv("TL_OUT", str(tmp_path))
    arms = {"probe": level(0.9, 1), "tuned": level(0.5, 2), "scratch": level(0.3, 3)}
    # The control ran at one seed: what the two pretrained arms borrow from it shows nothing.
    report = simulated.run(arms, pretrained=["probe", "tuned"], live={"scratch": ([4], [0])})
    report.claim("the probe beats tuning", beats("probe", "tuned", 4))
    card = json.loads(report.save().read_text())
    assert card["sabotage"] == {"swap": [], "permute": ["the probe beats tuning"]}


# More in one place than in another.


def error_rate(truth, predicted):
    return float(np.mean(truth != predicted))


def at_home_and_abroad(seeds=range(4), **abroad):
    home = simulated.run({"probe": level(0.9, 1), "scratch": level(0.8, 2)}, seeds=seeds)
    arms = {"probe": level(0.85, 3), "scratch": level(0.5, 4)}
    return home, simulated.run(arms, seeds=seeds, task="abroad", **abroad)


def test_a_lead_is_larger_in_one_report_than_in_another():
    home, abroad = at_home_and_abroad()
    assert leads_more("probe", "scratch", 16, 16, than=home).on(abroad)
    assert not leads_more("probe", "scratch", 16, 16, than=abroad).on(home)


def test_two_sets_of_test_items_add_their_doubts():
    home, abroad = at_home_and_abroad()
    terms = [(1, "probe", 16), (-1, "scratch", 16)]
    both = abroad.contrast_over(terms, home, terms)
    assert both.mean == pytest.approx(abroad.gain("probe").mean - home.gain("probe").mean)
    alone = [r.setting.draws.half_width(_lead(r)) for r in (home, abroad)]
    assert both.width / 2 >= np.hypot(*alone) * (1 - 1e-9) > max(alone)


def _lead(report):
    def mean(name):
        rows = report.cell(name, 16).values()
        return np.mean([report.setting.score_draws(row.predicted) for row in rows], axis=0)

    return mean("probe") - mean("scratch")


def test_reports_of_two_metrics_or_without_a_common_seed_are_not_subtracted():
    home, _ = at_home_and_abroad()
    statement = leads_more("probe", "scratch", 16, 16, than=home)
    with pytest.raises(ValueError, match="error rate and balanced accuracy"):
        statement.on(at_home_and_abroad(metric=error_rate)[1])
    with pytest.raises(compare.MissingRows, match="share no seed"):
        statement.on(at_home_and_abroad(seeds=range(10, 14))[1])


# What is recorded of other seeds.

CARD = {"seconds": 2.0, "versions": {"torch": "2"}}


def claimed(holds, text="probe wins", task="main"):
    return {"task": task, "text": text, "holds": holds}


def recorded(outcomes, **changes):
    """A record of one claim that came out so at seeds 3, 4, ..."""
    record = claim_record.plan("1.1", "code", [0, 1, 2], None, len(outcomes))
    for seed, holds in enumerate(outcomes, start=3):
        record = claim_record.with_run(record, seed, {**CARD, "claims": [claimed(holds)]})
    return {**record, **changes}


def test_a_claims_line_says_how_often_it_held_at_other_seeds(report, capsys):
    claim_record.save(recorded([True] * 9 + [False]))
    report.claim("probe wins", beats("probe"))
    report.claim("probe wins at all", beats("probe"))
    said = capsys.readouterr().out
    assert said == "holds: probe wins (held at 9 of 10 other seeds)\nholds: probe wins at all\n"
    assert not re.search(r"\d\.\d", said)


def test_a_runs_own_seed_is_none_of_the_others(capsys):
    claim_record.save(
        recorded(
            [True] * 3,
            seeds=[0, 4, 5],
            claims=[{"task": "main", "text": "probe wins", "held": [0, 4, 5], "fell": []}],
        )
    )
    simulated.run().claim("probe wins", beats("probe"))
    assert capsys.readouterr().out == "holds: probe wins (held at 2 of 2 other seeds)\n"


def test_seeds_are_the_next_integers_and_never_used_twice():
    first = claim_record.plan("1.1", "code", [0, 7], None, 3)
    assert first["planned"] == [8, 9, 10]
    partly = claim_record.with_run(first, 9, {**CARD, "claims": []})
    assert claim_record.missing(claim_record.plan("1.1", "code", [0, 7], partly, 3)) == [8, 10]
    changed = claim_record.plan("1.1", "other", [0, 7], partly, 3)
    assert changed["planned"] == [10, 11, 12] and changed["spent"] == [9]
    assert changed["claims"] == changed["seeds"] == []
    again = claim_record.plan("1.1", "third", [0, 7], changed, 2)
    assert again["planned"] == [10, 11] and again["spent"] == [9]


def test_more_seeds_of_the_same_code_add_to_the_record():
    record = recorded([True, False])
    more = claim_record.plan("1.1", "code", [0, 1, 2], record, 2)
    assert claim_record.missing(more) == [5, 6]
    for seed in (5, 6):
        more = claim_record.with_run(more, seed, {**CARD, "claims": [claimed(True)]})
    assert more["claims"] == [
        {"task": "main", "text": "probe wins", "held": [3, 5, 6], "fell": [4]}
    ]
    assert more["seconds"] == 8.0 and more["versions"] == {"torch": "2"}


@pytest.mark.parametrize(
    ("outcomes", "weak"),
    [
        ([True] * 10, False),
        ([True] * 9 + [False], False),
        ([True] * 8 + [False] * 2, True),
        ([True] * 8 + [None] * 2, True),
    ],
)
def test_a_claim_is_weak_below_nine_of_ten_and_not_evaluated_is_not_held(outcomes, weak):
    record = recorded(outcomes)
    assert bool(claim_record.weak(record)) is weak
    held = sum(one is True for one in outcomes)
    assert claim_record.counts(record) == {"seeds": 10, "held_at_seeds": held, "of": 10}
