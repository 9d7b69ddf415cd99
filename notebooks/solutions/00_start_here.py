"""Exercises of lesson 00: hints, checks, solutions, and the wrong answers they are tested on."""

from types import SimpleNamespace

from tl_helpers.exercises import Exercise, NotYet, Wrong

CLASSES = 16


def _check_accuracy(answer, report):
    budget = 3 * CLASSES
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise NotYet(f"that is of type {type(answer).__name__}; write a number such as 0.42.")
    if answer > 1:
        raise NotYet("the score is a share, so between 0 and 1; did you write per cent?")
    if abs(answer - report.mean("probe", budget)) < 0.011:
        return "three labels a class are 48 in all, and that is the row of the table to look at."
    if abs(answer - report.mean("grey statistics", budget)) < 0.011:
        raise NotYet("that is the row of the grey statistics; look for the probe.")
    others = [labels for labels in report.setting.budgets if labels != budget]
    for labels in others:
        if abs(answer - report.mean("probe", labels)) < 0.011:
            raise NotYet(
                f"that is the probe with {labels // CLASSES} a class; the budget counts the labels "
                f"of all {CLASSES} classes, so three a class are {budget}."
            )
    raise NotYet(f"look in column mean, in the row of the probe with a budget of {budget}.")


def _check_names(answer):
    import torch

    categories = ["cup", "cat", "fox", "bus", "oak"]
    found = answer(torch.tensor([0.1, 0.5, 0.06, 0.3, 0.04]), categories)
    found = list(found) if isinstance(found, tuple | list) else found
    if isinstance(found, str):
        raise NotYet("that is one name; return a list of three.")
    if not isinstance(found, list) or any(not isinstance(name, str) for name in found):
        raise NotYet("return a list of names: look each position up in `categories`.")
    if found == ["oak", "fox", "cup"]:
        raise NotYet("those are the least likely ones; sort from large to small.")
    if sorted(found) == ["bus", "cat", "cup"] and found[0] != "cat":
        raise NotYet("the right three, but the likeliest has to come first.")
    if found != ["cat", "bus", "cup"]:
        raise NotYet(f"probabilities 0.5, 0.3 and 0.1 give cat, bus, cup; yours gave {found}.")
    return "the second and third names often say what the network hesitates between."


def _check_control(answer, arms):
    if answer not in arms:
        raise NotYet(f"that is no arm; the arms are {', '.join(arms)}.")
    reasons = {
        "probe": "that is the arm with the lead; which control differs from it in one thing only?",
        "scratch": "scratch differs in two things: its weights are not pretrained, and all of them "
        "train on few labels. Look for the arm that differs in one.",
        "grey statistics": "that arm has no network at all, so it says nothing about the shape of "
        "the network.",
    }
    if answer in reasons:
        raise NotYet(reasons[answer])
    return "same architecture, same head, frozen too: only what was learned is missing."


def _report():
    """Stand-in for the lesson's report."""
    scores = {"probe": {16: 0.54, 48: 0.78, 160: 0.9}, "grey statistics": {16: 0.2, 48: 0.3}}
    return SimpleNamespace(
        mean=lambda arm, budget: scores[arm][budget],
        setting=SimpleNamespace(budgets=(16, 48, 160)),
    )


EXERCISES = [
    Exercise(
        id="00.1",
        kind="complete",
        hints=[
            "The table has a row for each arm and budget; the budget counts all sixteen classes.",
            "Three times sixteen is 48. Look in column `mean`.",
        ],
        check=_check_accuracy,
        solution='accuracy_with_three = round(report.mean("probe", 3 * len(surfaces)), 2)',
        wrong=[
            Wrong(78, "did you write per cent?"),
            Wrong(0.3, "row of the grey statistics"),
            Wrong(0.54, "with 1 a class"),
            Wrong("0.78", "write a number"),
        ],
        context=lambda: {"report": _report()},
    ),
    Exercise(
        id="00.2",
        kind="modify",
        hints=[
            "`probabilities.topk(3)` gives the three largest values and their positions.",
            "`probabilities.topk(3).indices` holds the positions, the largest first.",
        ],
        check=_check_names,
        solution=(
            "def three_names(probabilities, categories):\n"
            "    return [categories[i] for i in probabilities.topk(3).indices]"
        ),
        wrong=[
            Wrong(lambda: lambda p, c: c[p.argmax()], "that is one name"),
            Wrong(lambda: lambda p, c: [c[i] for i in p.argsort()[:3]], "least likely"),
            Wrong(lambda: lambda p, c: [c[i] for i in p.argsort()[-3:]], "has to come first"),
            Wrong(lambda: lambda p, c: p.topk(3).indices.tolist(), "list of names"),
        ],
    ),
    Exercise(
        id="00.3",
        kind="investigate",
        hints=[
            "Go through the controls: in how many things does each differ from the probe?",
            "One control has the same backbone and head, and freezes the backbone too.",
        ],
        check=_check_control,
        solution='telling_control = "random features"',
        wrong=[
            Wrong("scratch", "differs in two things"),
            Wrong("grey statistics", "no network at all"),
            Wrong("random", "that is no arm"),
        ],
        context=lambda: {"arms": ["probe", "grey statistics", "random features", "scratch"]},
    ),
]
