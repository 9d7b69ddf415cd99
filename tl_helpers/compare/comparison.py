"""A fair comparison: every arm at every label budget and seed, on one fixed test set.

The test set is opened here alone. What an arm tunes, it tunes inside its budget of labels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from tl_helpers.assets import watching
from tl_helpers.compare import conditions, recorded, studies
from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.compare.report import TransferReport
from tl_helpers.compare.setting import (
    MissingRows,
    Setting,
    distinct,
    increasing,
    name_of,
    test_items,
)
from tl_helpers.compare.studies import Row, Study
from tl_helpers.datasets.examples import Examples
from tl_helpers.training.memory import MemoryPeak
from tl_helpers.training.runtime import Runtime, trim_memory

__all__ = ["MissingRows", "Prediction", "Study", "TransferReport", "run"]

Cell = tuple[str, int, int]

_LONG = 1.0  # seconds of a run that has trained a network; the 0.02 of a trim are little then


def run(
    arms: Mapping[str, Arm],
    budgets: Sequence[int],
    seeds: Sequence[int],
    *,
    test: Examples | None = None,
    truth: Sequence | None = None,
    metric: Callable,
    pretrained: Sequence[str],
    runtime: Runtime,
    lesson: str,
    task: str = "main",
    metric_name: str | None = None,
    higher_is_better: bool = True,
    groups: Sequence | None = None,
    headline: tuple[str, int] | None = None,
    live: Mapping[str, Sequence] | None = None,
    study: str | Study | None = None,
    progress: bool = True,
) -> TransferReport:
    """Run every arm at every budget and seed, and report what transfer bought.

    Parameters
    ----------
    arms : dict of str to callable
        ``arm(budget, seed) -> Prediction``. The seed redraws subset, initialisation and order.
    budgets : sequence of int
        Labels that an arm may use, validation included; increasing.
    seeds : sequence of int
    test : Examples, optional
        The test items: their labels are the truth, their groups are resampled, and recorded rows
        stand for these very items alone.
    truth : sequence, shape (n,), optional
        Test labels, where there is no such data set.
    metric : callable
        ``metric(truth, predicted) -> float``, such as ``sklearn.metrics.balanced_accuracy_score``.
    pretrained : sequence of str
        Arms that use pretrained weights; all others are controls.
    runtime : Runtime
    lesson : str
        Id of the lesson, such as "1.1".
    task : str, default "main"
        Name of this comparison where a lesson has several.
    metric_name : str, optional
        By default the metric's own name, in words.
    higher_is_better : bool, default True
    groups : sequence, shape (n,), optional
        With ``truth``: units that repeat in the test set (patient, machine, photograph), which
        intervals resample. By default each item is its own. Fewer than ten units: no interval,
        and claims about them are refused.
    headline : (str, int), optional
        Arm and budget that the scorecard and the verdict speak of; by default the first
        pretrained arm and the middle budget (the lower middle of an even number).
    live : dict, optional
        ``{arm: budgets}`` or ``{arm: (budgets, seeds)}``: all that an expensive arm runs now.
    study : str or Study, optional
        Where the rest of the grid of the arms in ``live`` is recorded. Under ``tl study`` their
        whole grid runs and is recorded; otherwise its rows join those that run now, as far as
        code, data, assets, test items, metric and profile are still the same. Under
        ``tl study --check`` two of its rows run again.
    progress : bool, default True

    Returns
    -------
    TransferReport

    Raises
    ------
    ValueError
        For arguments that do not fit together, predictions of wrong length or with NaN, a metric
        that fails, and arms of a study that read what `evidence.fingerprint` cannot count.
    TypeError
        When an arm returns something other than a Prediction.

    Examples
    --------
    >>> report = run(
    ...     {"probe": probe, "scratch": scratch}, [16, 64], range(5), truth=test.y,
    ...     metric=balanced_accuracy_score, pretrained=["probe"], runtime=runtime, lesson="1.1",
    ... )  # doctest: +SKIP
    """
    budgets, seeds = increasing(budgets), distinct(seeds)
    labels, units, items = test_items(test, truth, groups)
    setting = Setting(
        lesson=lesson,
        task=task,
        profile=runtime.profile,
        seed=runtime.seed,
        truth=labels,
        groups=units,
        items=items,
        metric=metric,
        metric_name=metric_name or name_of(metric),
        higher_is_better=higher_is_better,
        arms=tuple(arms),
        pretrained=tuple(pretrained),
        budgets=budgets,
        headline=headline or (next(iter(pretrained), ""), budgets[(len(budgets) - 1) // 2]),
    )
    now = {arm: _restriction(arm, live, setting, seeds) for arm in (live or {})}
    trim_memory()  # of what the lesson has trained itself
    # A second BLAS thread slows small fits many times over: it fights torch's threads for cores.
    with MemoryPeak(interval=0.25) as peak, threadpool_limits(1, user_api="blas"):
        if study is None:
            cells = _grid(setting, seeds, now)
            report = TransferReport(setting, _run_all(arms, cells, setting, progress))
        else:
            study = Study(study) if isinstance(study, str) else study
            report = _with_study(arms, setting, (seeds, now), study, runtime, progress)
    report.peak_mib = peak.mib
    for edge in report.edges():
        print(
            f"{edge['arm']} at {edge['budget']} labels chose at the edge of its settings: "
            f"{', '.join(edge['settings'])}. A wider grid may make it better."
        )
    return report


def _with_study(arms, setting, grid, study, runtime, progress) -> TransferReport:
    """Record the arms' whole grid, check it, or run what is live and add what is recorded."""
    seeds, now = grid
    if not now:
        raise ValueError("study is given without live: name the arms whose grid is recorded.")
    state = conditions.current(setting, {arm: arms[arm] for arm in now}, runtime)
    run = partial(_run_all, arms, setting=setting, progress=progress)
    others = _grid(setting, seeds, dict.fromkeys(now, ((), ())))
    if studies.recording(setting.lesson):
        own = seeds if study.seeds is None else distinct(study.seeds)
        labels = study.budgets or setting.budgets
        whole = [(arm, b, seed) for arm in now for b in labels for seed in own]
        one_by_one = partial(_rows, arms, setting=setting, progress=progress)
        rows = recorded.record(study, state, whole, one_by_one)
        return TransferReport(setting, rows + run(others))
    if studies.checking(setting.lesson):
        found = recorded.check(setting, study, state, run)
        return TransferReport(
            setting, found.rows + run(others), stale=found.stale, repeats=found.repeats
        )
    found = recorded.rows(setting, study, state, _grid(setting, seeds, now), run)
    return TransferReport(setting, found.rows, stale=found.stale, repeats=found.repeats)


def _grid(setting: Setting, seeds, now: Mapping) -> list[Cell]:
    """Cells to run: the whole grid, or for the arms in ``now`` the budgets and seeds given."""
    full = (setting.budgets, seeds)
    return [
        (arm, budget, seed)
        for arm in setting.arms
        for budget in now.get(arm, full)[0]
        for seed in now.get(arm, full)[1]
    ]


def _run_all(arms: Mapping[str, Arm], cells: list[Cell], setting: Setting, progress) -> list[Row]:
    return list(_rows(arms, cells, setting, progress))


def _rows(arms: Mapping[str, Arm], cells: list[Cell], setting: Setting, progress) -> Iterator[Row]:
    return (_run_cell(arms, cell, setting) for cell in _shown(cells, progress))


def _run_cell(arms: Mapping[str, Arm], cell: Cell, setting: Setting) -> Row:
    name, budget, seed = cell
    start = time.perf_counter()
    try:
        prediction = arms[name](budget, seed)
        seconds = time.perf_counter() - start
        _check_prediction(prediction, setting)
        value = setting.score(prediction.predicted)
    except Exception as error:
        error.add_note(f"This happened in arm {name!r} at {budget} labels, seed {seed}.")
        raise
    if seconds > _LONG:
        trim_memory()
    trainable, predicted = int(prediction.trainable), prediction.predicted
    return Row(*cell, value, seconds, trainable, predicted, tuned=prediction.tuned)


def _check_prediction(prediction: object, setting: Setting) -> None:
    if not isinstance(prediction, Prediction):
        raise TypeError(
            f"the arm returned {type(prediction).__name__}; expected "
            "compare.Prediction(predicted, trainable)."
        )
    predicted, items = prediction.predicted, len(setting.truth)
    if predicted.ndim not in (1, 2) or len(predicted) != items:
        raise ValueError(
            f"predicted has shape {predicted.shape}; expected ({items},) labels or ({items}, c) "
            f"scores, one row for each of the {items} test items."
        )
    if predicted.dtype.kind == "O":
        raise ValueError("predicted holds Python objects; expected numbers or strings.")
    if predicted.dtype.kind == "f" and not np.isfinite(predicted).all():
        raise ValueError("predicted holds NaN or infinity; look for a training that diverged.")


def _shown(cells: list[Cell], progress: bool) -> Iterator[Cell]:
    """The cells, with a progress line that a notebook keeps only in its last state."""
    if not progress or not cells or not watching.wanted():
        yield from cells
    elif watching.in_notebook():
        yield from _shown_in_notebook(cells)
    else:
        yield from watching.bar(cells, unit="run", leave=False)


def _shown_in_notebook(cells: list[Cell]) -> Iterator[Cell]:
    from IPython.display import DisplayHandle

    # A display that is updated leaves one line in the saved notebook; a bar on stderr leaves all.
    line = DisplayHandle()

    def show(text: str, how: Callable) -> None:
        how({"text/plain": text}, raw=True)

    show(f"0 of {len(cells)} runs", line.display)
    for done, (arm, budget, seed) in enumerate(cells):
        show(f"{done} of {len(cells)} runs, now {arm}: {budget} labels, seed {seed}", line.update)
        yield arm, budget, seed
    show(f"{len(cells)} runs finished", line.update)


def _restriction(arm, live, setting, seeds) -> tuple[Sequence[int], Sequence[int]]:
    """Budgets and seeds that an arm runs now, from its entry in ``live``."""
    if arm not in setting.arms:
        raise ValueError(f"live names {arm!r}, which is no arm; it has {', '.join(setting.arms)}.")
    entry = live[arm]
    pair = len(entry) == 2 and not any(isinstance(part, int | np.integer) for part in entry)
    budgets, chosen = entry if pair else (entry, seeds)
    strange = [labels for labels in budgets if labels not in setting.budgets]
    if strange:
        raise ValueError(f"live runs {arm} at {strange}, not among {list(setting.budgets)}.")
    return tuple(budgets), distinct(chosen) if len(chosen) else ()
