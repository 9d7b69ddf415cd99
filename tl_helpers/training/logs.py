"""What training shows while it runs: a table of the epochs, and a progress bar.

A logger is any function of the `History`; `fit` calls it after each epoch.
"""

from __future__ import annotations

import csv
from pathlib import Path

from tl_helpers.assets import watching
from tl_helpers.assets.files import replacing
from tl_helpers.training.history import History


class CsvLog:
    """Keep ``history.csv`` in ``folder``: one row an epoch, whole after a kill or a resume.

    Parameters
    ----------
    folder : path
        Made when missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / "history.csv"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, history: History) -> None:
        """Write all epochs so far."""
        with replacing(self.path) as scratch, scratch.open("w", newline="") as file:
            table = csv.DictWriter(file, history.epochs[0].keys())
            table.writeheader()
            table.writerows(history.epochs)


class ProgressBar:
    """A bar over all optimizer steps that clears itself; silent where nobody watches.

    Parameters
    ----------
    wanted : bool
        False keeps it silent. It is silent as well when the environment variable ``TL_PROGRESS``
        is 0 (set it when a notebook is executed to be stored), and outside of a notebook when
        stderr is not a terminal.
    total : int
        Steps of the run.
    done : int
        Steps made before, in a continued run.
    """

    def __init__(self, wanted: bool, total: int, done: int = 0) -> None:
        self._bar = None
        if wanted and watching.wanted():
            self._bar = watching.bar(total=total, initial=done, leave=False, unit="step")

    def update(self, steps: int, epoch: int, loss: float) -> None:
        """Move to ``steps`` optimizer steps in all."""
        if self._bar is not None:
            self._bar.set_description(f"epoch {epoch}, loss {loss:.3g}", refresh=False)
            self._bar.update(steps - self._bar.n)

    def close(self) -> None:
        """Clear the bar."""
        if self._bar is not None:
            self._bar.close()
