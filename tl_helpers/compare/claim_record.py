"""How often each claim of a lesson held at seeds that nobody had tuned on.

One JSON file a lesson, ``data/results/ID-claims.json``, replaced whole after each seed, so that a
killed run loses one seed at most. ``tl claims`` writes it; a claim's printed line, the lesson's
header and ``tl list`` read it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tl_helpers.assets import files
from tl_helpers.compare.studies import results_dir

VERSION = 1
PROFILE = "laptop"
FEWEST_SEEDS = 10
ENOUGH = 0.9  # of the seeds, at which a claim has to hold


def path(lesson: str) -> Path:
    """The lesson's record."""
    return results_dir() / f"{lesson}-claims.json"


def load(lesson: str) -> dict | None:
    """The lesson's record; None when there is none."""
    file = path(lesson)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def save(record: dict) -> None:
    """Write a record in one step."""
    files.write_json(path(record["lesson"]), record)


def plan(
    lesson: str, code: str, developed_with: Sequence[int], former: dict | None, count: int
) -> dict:
    """A record with the seeds to run in ``planned``.

    A record that was broken off goes on as planned. A complete one of the same code gets ``count``
    seeds more. Changed code begins afresh, with seeds that neither it nor its forerunners have
    seen. Seeds are the next integers, whatever they will show.

    Parameters
    ----------
    lesson : str
    code : str
        Hash of the lesson's code.
    developed_with : sequence of int
        Seeds that were looked at while the lesson was made.
    former : dict or None
        The record as it stands.
    count : int
        Seeds to add.
    """
    record: dict = {"version": VERSION, "lesson": lesson, "profile": PROFILE, "code": code}
    record |= {"planned": [], "seeds": [], "spent": [], "claims": [], "seconds": 0.0}
    record["versions"] = {}
    if former and former["code"] == code:
        record = former
    elif former:
        record["spent"] = sorted({*former["spent"], *former["seeds"]})
    if missing(record):
        return record
    first = max([*developed_with, *record["spent"], *record["seeds"]], default=-1) + 1
    return {**record, "planned": [*record["planned"], *range(first, first + count)]}


def missing(record: dict) -> list[int]:
    """Planned seeds that have not run."""
    return [seed for seed in record["planned"] if seed not in record["seeds"]]


def with_run(record: dict, seed: int, card: dict) -> dict:
    """The record with one run's claims added.

    Parameters
    ----------
    record : dict
    seed : int
    card : dict
        The run's scorecard: ``claims``, ``seconds`` and ``versions``.
    """
    claims = {(c["task"], c["text"]): c for c in record["claims"]}
    for claim in card["claims"]:
        key = claim["task"], claim["text"]
        entry = claims.setdefault(key, {"task": key[0], "text": key[1], "held": [], "fell": []})
        outcome = {True: "held", False: "fell"}.get(claim["holds"])
        if outcome:
            claims[key] = {**entry, outcome: sorted([*entry[outcome], seed])}
    return {
        **record,
        "seeds": sorted([*record["seeds"], seed]),
        "claims": list(claims.values()),
        "seconds": round(record["seconds"] + card["seconds"], 1),
        "versions": card["versions"],
    }


def weak(record: dict) -> list[dict]:
    """Claims that held at fewer than nine tenths of the seeds; not evaluated is not held."""
    least = ENOUGH * len(record["seeds"])
    return [claim for claim in record["claims"] if len(claim["held"]) < least]


def counts(record: dict) -> dict[str, int]:
    """Number of seeds, and of claims times seeds, all and held, for the lesson's header."""
    seeds = len(record["seeds"])
    held = sum(len(claim["held"]) for claim in record["claims"])
    return {"seeds": seeds, "held_at_seeds": held, "of": seeds * len(record["claims"])}


def said(lesson: str, task: str, text: str, seed: int) -> str:
    """What a claim's line adds: " (held at 10 of 10 other seeds)", or nothing for lack of a record.

    Parameters
    ----------
    lesson, task, text : str
        The claim.
    seed : int
        Of the run that shows the line, which is none of the others.
    """
    record = load(lesson)
    if record is None:
        return ""
    for claim in record["claims"]:
        if (claim["task"], claim["text"]) == (task, text):
            others = [other for other in record["seeds"] if other != seed]
            held = sum(other in claim["held"] for other in others)
            return f" (held at {held} of {len(others)} other seeds)" if others else ""
    return ""
