"""What a run leaves to its reader: the verdict in words, and the model, if the lesson saves one.

A lesson that saves a model writes it into the folder ``ID-model`` of ``paths.out_dir()``; a run
moves that folder beside its scorecard, whose ``model`` names it (an entry beside those of version
1, which a reader of scorecards may pass over).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any


def keep_model(scratch: Path, out: Path, id: str) -> Path | None:
    """Move a lesson's model from ``scratch`` to ``out``, in place of that of a former run.

    Parameters
    ----------
    scratch, out : Path
        Folders on one file system.
    id : str
        Of the lesson.

    Returns
    -------
    Path or None
        The folder in ``out``; None when the run left no model, and a former one then stays.

    Raises
    ------
    OSError
        When ``out`` cannot be written.
    """
    made, kept = scratch / f"{id}-model", out / f"{id}-model"
    if not made.is_dir():
        return None
    former = scratch / f"{id}-former-model"
    if kept.is_dir():
        os.replace(kept, former)  # whole, at once
    os.replace(made, kept)
    shutil.rmtree(former, ignore_errors=True)
    return kept


def held(claims: list[dict[str, Any]]) -> int:
    """How many of a scorecard's claims hold."""
    return sum(claim["holds"] is True for claim in claims)


def verdict(card: dict[str, Any]) -> str:
    """Verdict and gain of a scorecard in one line; empty when nothing was judged, as at smoke."""
    said, gain = card.get("verdict"), card.get("gain")
    if not said or not gain:
        return ""
    words = bought(card)
    return words if words.endswith(said) and said != "transfer" else f"{said}: {words}"


def bought(scorecard: dict) -> str:
    """What transfer bought, in a few words: the paired gain with its interval, and labels saved."""
    gain, saved = scorecard.get("gain"), scorecard.get("labels_saved") or {}
    if not gain or gain.get("mean") is None:
        return "not measured"
    words = f"{gain['mean']:+.2f} {scorecard['metric'].replace('_', ' ')}"
    if gain.get("low") is None or gain.get("high") is None:
        words += " (no interval)"
    else:
        words += f" ({gain['low']:+.2f} to {gain['high']:+.2f})"
    verdict = scorecard.get("verdict")
    if verdict not in (None, "transfer"):  # then what was saved is no finding either
        return f"{words}: {verdict}"
    if (saved.get("value") or 0) >= 1:
        more = "more than " if saved.get("censored") else ""
        words += f", {more}{saved['value']:.0f} labels saved"
    return words


def last_words(verdict: str, model: Path | None) -> list[str]:
    """Lines that end a run's report: what was found, and where the model is."""
    lines = [f"verdict: {verdict}"] if verdict else []
    if model is not None:
        lines.append(f"model: {model} (its README.md says what was measured)")
    return lines
