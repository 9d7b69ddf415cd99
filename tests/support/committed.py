"""Run a notebook as committed under nbval, in a process of its own, and judge what came out."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from offline_environment import offline_environment

from tl_helpers.kit import lessons
from tl_helpers.kit.kernels import end_process_tree
from tl_helpers.kit.lessons import Lesson


def complaints(lesson: Lesson, out: Path, seconds: float) -> list[str]:
    """Why the lesson is not what it says; empty when nbval and its scorecard agree with it."""
    report = out / "nbval.xml"
    text = _validate(lesson, out, seconds)
    if not report.is_file():
        return [text]
    found = _cell_complaints(lesson, report, text)
    card = out / f"{lesson.id}.json"
    if not card.is_file():
        return [*found, "it wrote no scorecard"]
    return found + card_complaints(json.loads(card.read_text(encoding="utf-8")))


def _validate(lesson: Lesson, out: Path, seconds: float) -> str:
    """Run nbval; its output, or that the time was up."""
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist"]
    nbval = ["--nbval-lax", "--nbval-current-env", f"--junitxml={out / 'nbval.xml'}"]
    call = [sys.executable, "-m", "pytest", "-q", *plugins, *nbval, str(lesson.path)]
    folders = {"TL_OUT": str(out), "TL_WORK": str(out / "work"), "TL_STUDY": ""}
    process = subprocess.Popen(
        call,
        env=offline_environment(**folders),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        end_process_tree(process.pid)
        process.communicate()
        return f"it took longer than {seconds:g} s"


def _cell_complaints(lesson: Lesson, report: Path, text: str) -> list[str]:
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    ran, bad = (int(suite.get("tests")), sum(int(suite.get(k)) for k in ("failures", "errors")))
    cells = [c for c in lessons.read(lesson.path).cells if c.cell_type == "code" and c.source]
    found = [text] if bad else []
    if not cells or ran < len(cells) or int(suite.get("skipped")):
        found.append(f"{ran} of {len(cells)} cells ran")
    return found


def card_complaints(card: dict) -> list[str]:
    """What a scorecard of a learner's run at profile laptop must not say."""
    found = [f"{c['text']}: {c['holds']}" for c in card["claims"] if c["holds"] is not True]
    if not card["claims"]:
        found.append("it makes no claim")
    if not any((card.get("sabotage") or {}).values()):
        found.append("no claim fell on a sabotaged report")
    if card.get("stale") is not False:
        found.append("recorded rows do not belong to the present code or assets")
    for check in card["checks"]:
        if check["state"] != "not attempted":
            found.append(f"the stub of {check['id']} says {check['state']}")
    return found
