"""What a figure of a report says in words: its finding, and its description."""

from __future__ import annotations

import math

from tl_helpers.compare.setting import MissingRows

# Metrics that cannot leave [0, 1], by a word in their name.
_SHARES = {
    "accuracy",
    "f1",
    "precision",
    "recall",
    "auc",
    "auroc",
    "ap",
    "iou",
    "map",
    "dice",
    "share",
    "kept",
}


def bounds(setting) -> tuple[float, float]:
    """Ends of the metric's range, infinite where its name promises none."""
    words = set(setting.metric_name.lower().replace("-", " ").split())
    return (0.0, 1.0) if words & _SHARES else (-math.inf, math.inf)


def metric_label(setting) -> str:
    """The metric and its direction, for an axis."""
    better = "higher" if setting.higher_is_better else "lower"
    return f"{setting.metric_name} ({better} is better)"


def finding(report) -> str | None:
    """The headline's gain over the best control in a sentence; None where it cannot be told."""
    setting = report.setting
    arm, budget = setting.headline
    try:
        control = report.best_control(budget)
        gain = report.gain(arm, budget=budget)
    except MissingRows:
        return None
    first, second = (arm, control) if gain.mean >= 0 else (control, arm)
    text = f"With {_labels(budget)} {_the(first)}"
    if not math.isfinite(gain.high - gain.low):
        verb = "are" if _plural(first) else "is"
        return f"{text} {verb} {abs(gain.mean):.2f} ahead of {_the(second)}, without an interval"
    if gain.low > 0 or gain.high < 0:
        verb = "lead" if _plural(first) else "leads"
        return f"{text} {verb} {_the(second)} by {abs(gain.mean):.2f}"
    return f"{text} and {_the(second)} cannot be told apart"


def curves(report, chance: float | None, good_enough: float | None) -> str:
    """Description of the curve of every arm over the label budgets, in whole sentences."""
    setting = report.setting
    arms = [a for a in setting.arms if any(report.has(a, b) for b in setting.budgets)]
    arms.sort(key=lambda arm: -setting.sign * report.mean(arm, _measured(report, arm)[-1]))
    start = f"The chart shows {metric_label(setting)} against the number of labels, with 95 % "
    parts = [start + "intervals.", *(_course(report, arm) for arm in arms)]
    said = finding(report)
    parts += [f"{said}."] if said else []
    if chance is not None:
        parts.append(f"A dotted line marks chance, {chance:.2f}.")
    if good_enough is not None:
        parts.append(f"A broken line marks what is good enough to use, {good_enough:.2f}.")
        parts.append(_who_is_good_enough(report, arms, good_enough))
    return " ".join(parts)


def bar_chart(report, budget: int, arms: list[str], good_enough: float | None = None) -> str:
    """Description of the bars of every arm at one budget, and who is good enough to use."""
    setting = report.setting
    best_first = sorted(arms, key=lambda arm: -setting.sign * report.mean(arm, budget))
    values = _listed([f"{arm} {report.mean(arm, budget):.2f}" for arm in best_first])
    said = f"Bars show {metric_label(setting)} of every arm at {_labels(budget)}: {values}."
    if good_enough is None:
        return said
    enough = [
        arm for arm in best_first if setting.sign * (report.mean(arm, budget) - good_enough) >= 0
    ]
    reached = _listed([_the(arm) for arm in enough]) if enough else "no arm"
    level = f"A broken line marks what is good enough to use, {good_enough:.2f}"
    return f"{said} {level}, reached by {reached}."


def _course(report, arm: str) -> str:
    budgets = _measured(report, arm)
    first, last = (report.mean(arm, budget) for budget in (budgets[0], budgets[-1]))
    if len(budgets) == 1:
        return f"For {_the(arm)} it is {first:.2f} at {_labels(budgets[0])}."
    if abs(last - first) < 0.02:
        return f"For {_the(arm)} it stays near {last:.2f}."
    goes = "rises" if last > first else "falls"
    course = f"from {first:.2f} at {_labels(budgets[0])} to {last:.2f} at {budgets[-1]}"
    return f"For {_the(arm)} it {goes} {course}."


def _who_is_good_enough(report, arms: list[str], bar: float) -> str:
    sign, reached = report.setting.sign, []
    for arm in arms:
        enough = [b for b in _measured(report, arm) if sign * report.mean(arm, b) >= sign * bar]
        if enough:
            reached.append(f"{_the(arm)} at {_labels(enough[0])}")
    return f"It is reached by {_listed(reached)}." if reached else "No arm reaches it."


def _measured(report, arm: str) -> list[int]:
    return [budget for budget in report.setting.budgets if report.has(arm, budget)]


def _labels(count: int) -> str:
    return "1 label" if count == 1 else f"{count} labels"


def _the(arm: str) -> str:
    """The arm with its article where English wants one."""
    return f"the {arm}" if arm.split()[-1].lower() == "probe" else arm


def _plural(arm: str) -> bool:
    return arm.endswith("s") and not arm.endswith("ss")


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
