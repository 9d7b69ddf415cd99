"""Every published claim was seen to hold at seeds that nobody had tuned on."""

from __future__ import annotations

import pytest

from tl_helpers.compare import claim_record
from tl_helpers.kit import claims_command, lessons, publish

LESSONS = lessons.find()


def complaints(lesson: lessons.Lesson, record: dict | None) -> list[str]:
    """What is wrong with a lesson's record."""
    if record is None:
        return [f"it has no record: run `tl claims {lesson.id}`"]
    found = []
    if record["code"] != claims_command.code_hash(lessons.read(lesson.path)):
        found.append("its code changed since its claims were recorded")
    if len(record["seeds"]) < claim_record.FEWEST_SEEDS or claim_record.missing(record):
        found.append(f"recorded at {len(record['seeds'])} seeds")
    if not record["claims"]:
        found.append("it claims nothing")
    weak = claim_record.weak(record)
    return found + [f"held at {len(one['held'])} seeds only: {one['text']}" for one in weak]


def test_claims_held_at_nine_of_ten_seeds_with_the_code_as_it_is():
    found = {one.id: complaints(one, claim_record.load(one.id)) for one in LESSONS}
    assert not any(found.values()), found


def test_the_index_says_what_the_records_say():
    for entry in publish.read_index():
        record = claim_record.load(entry["id"])
        said = {key: entry["claims"].get(key) for key in ("seeds", "held_at_seeds", "of")}
        assert said == (claim_record.counts(record) if record else dict.fromkeys(said))


def sound_record(lesson, seeds=10):
    record = claim_record.plan(
        lesson.id, claims_command.code_hash(lessons.read(lesson.path)), [0], None, seeds
    )
    card = {"claims": [{"task": "main", "text": "it does", "holds": True}]}
    for seed in claim_record.missing(record):
        record = claim_record.with_run(record, seed, {**card, "seconds": 1.0, "versions": {}})
    return record


def test_a_sound_record_has_no_complaint():
    assert complaints(LESSONS[0], sound_record(LESSONS[0])) == []


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda r: None, "no record"),
        (lambda r: {**r, "code": "other"}, "code changed"),
        (lambda r: sound_record(LESSONS[0], seeds=9), "at 9 seeds"),
        (lambda r: {**r, "planned": [*r["planned"], 99]}, "at 10 seeds"),
        (lambda r: {**r, "claims": []}, "claims nothing"),
        (lambda r: {**r, "claims": [{**r["claims"][0], "held": [*range(8)]}]}, "held at 8 seeds"),
    ],
)
def test_a_record_that_does_not_carry_the_claims_is_refused(spoil, complaint):
    (said,) = complaints(LESSONS[0], spoil(sound_record(LESSONS[0])))
    assert complaint in said
