"""What an exercise says to its stub, and to the right and wrong answers that it lists."""

from __future__ import annotations

import ast

from tl_helpers import exercises
from tl_helpers.exercises.checking import Exercise
from tl_helpers.kit import lessons


def wrong_answer_complaints(exercise: Exercise) -> list[str]:
    """Wrong answers that the check does not refuse with the stated reason."""
    found = [] if len(exercise.wrong) >= 2 else ["fewer than two wrong answers"]
    for number, wrong in enumerate(exercise.wrong, 1):
        context = (wrong.context or exercise.context)()
        state, reason = exercises.judge(exercise, wrong.value(), context)
        if state != "not yet" or wrong.reason_contains not in reason:
            found.append(f"wrong answer {number} gets {state}: {reason}")
    return found


def right_answer_complaints(exercise: Exercise) -> list[str]:
    """Right answers, in whatever form, that the check refuses."""
    found = [] if len(exercise.right) >= 3 else ["right in fewer than three forms"]
    for number, right in enumerate(exercise.right, 1):
        answer = right() if callable(right) else right
        state, reason = exercises.judge(exercise, answer, exercise.context())
        if state != "passed":
            found.append(f"right answer {number} gets {state}: {reason}")
    return found


def few_reasons(exercise: Exercise) -> list[str]:
    """A complaint where the wrong answers get fewer than three different reasons."""
    reasons = {wrong.reason_contains for wrong in exercise.wrong}
    return [] if len(reasons) >= 3 else [f"{len(reasons)} different reasons for wrong answers"]


def stub_state(lesson: lessons.Lesson, exercise: Exercise) -> str:
    """State that the stub in the notebook gets, checked as the notebook checks it."""
    notebook = lessons.read(lesson.path)
    stubs = lessons.tagged(notebook, "exercise")
    (stub,) = [cell for cell in stubs if cell.metadata["exercise"] == exercise.id]
    context = exercise.context()
    namespace = dict(context)
    exec(stub.source, namespace)
    answer = eval(_answer_expression(notebook, exercise.id), namespace)
    return exercises.judge(exercise, answer, context)[0]


def _answer_expression(notebook, id: str) -> str:
    """What the notebook's call of check passes as the answer to this exercise."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and f'check("{id}"' in cell.source:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("check"):
                    return ast.unparse(node.args[1])
    raise AssertionError(f'no cell calls check("{id}", ...)')
