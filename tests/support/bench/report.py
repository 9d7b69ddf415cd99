"""Sections of the benchmark as Markdown tables and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tl_helpers.assets import files

TITLES = {
    "step_s": "a step",
    "over_bare_s": "over the bare loop",
    "first_step_s": "first step",
    "over_best": "by the best",
    "gflop_s": "GFLOP/s",
    "peak_gflop_s": "GEMM peak",
    "share": "share of peak",
    "by_bare": "by a bare loop",
    "memory_mib": "MiB",
    "floor_ratio": "by the floor",
}


@dataclass(frozen=True)
class Goal:
    """A figure and the most that it may be; ``at_least`` turns that round."""

    text: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        most = "at least" if self.at_least else "at most"
        told = f"{self.text}: {number(self.measured)}, goal {most} {number(self.limit)}"
        return f"{told}: {'met' if self.met else 'missed'}"


@dataclass(frozen=True)
class Section:
    """One table: rows of the same keys, a sentence about them, and what was to be reached.

    Seconds have keys that end in ``_s``.
    """

    title: str
    note: str
    rows: list[dict]
    goals: list[Goal]

    def as_dict(self) -> dict:
        """For JSON."""
        goals = [{**asdict(goal), "met": goal.met} for goal in self.goals]
        return {"title": self.title, "note": self.note, "rows": self.rows, "goals": goals}


def duration(value: float) -> str:
    """Seconds in the unit that suits them."""
    size = abs(value)
    unit, factor = ("s", 1) if size >= 1 else ("ms", 1e3) if size >= 1e-3 else ("µs", 1e6)
    return f"{number(value * factor)} {unit}"


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def cell(key: str, value: object) -> str:
    """One value of a table."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if key.endswith("_s") and not key.endswith("flop_s"):
        return duration(value)
    return f"{value:.0%}" if key == "share" else number(value)


def markdown(sections: dict[str, dict]) -> str:
    """All tables."""
    parts = ["# How fast the helpers are"]
    for found in sections.values():
        keys = list(found["rows"][0])
        titles = [TITLES.get(key, key.removesuffix("_s").replace("_", " ")) for key in keys]
        aligned = ["---" if isinstance(found["rows"][0][key], str) else "---:" for key in keys]
        lines = [f"| {' | '.join(titles)} |", f"|{'|'.join(aligned)}|"]
        lines += [f"| {' | '.join(cell(k, row[k]) for k in keys)} |" for row in found["rows"]]
        goals = [Goal(**{k: v for k, v in goal.items() if k != "met"}) for goal in found["goals"]]
        about = ", ".join(f"{name} {value}" for name, value in found["about"].items())
        parts += [f"## {found['title']}", f"{found['note']} ({about})", "\n".join(lines)]
        parts += ["\n".join(f"* {goal}" for goal in goals)] if goals else []
    return "\n\n".join(parts) + "\n"


def write(folder: Path, sections: dict[str, Section], about: dict) -> str:
    """Write bench.json and bench.md; sections of an earlier run that are not new stay.

    Returns
    -------
    str
        The Markdown of the new sections.
    """
    path = folder / "bench.json"
    new = {name: {**found.as_dict(), "about": about} for name, found in sections.items()}
    former = json.loads(path.read_text())["sections"] if path.is_file() else {}
    all_ = {**former, **new}
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"sections": all_}, indent=1, ensure_ascii=False)
    files.write_text(path, text + "\n")
    files.write_text(folder / "bench.md", markdown(all_))
    return markdown(new)
