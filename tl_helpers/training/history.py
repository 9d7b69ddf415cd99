"""What happened in a call of `fit`: one row an epoch, and which epoch was best."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """What happened in a call of `fit`.

    Attributes
    ----------
    epochs : list of dict
        One for each finished epoch: epoch (from 1), train_loss, valid_loss, valid_metric (both
        None without validation), lr (largest of the groups, at the epoch's end), seconds.
    best_epoch, best_metric : int and float, or None
        Of the weights that the model holds after `fit`; None without validation.
    stopped : {"finished", "early", "interrupted"}
    steps : int
        Optimizer steps.
    """

    epochs: list[dict] = field(default_factory=list)
    best_epoch: int | None = None
    best_metric: float | None = None
    stopped: str = "finished"
    steps: int = 0

    @property
    def seconds(self) -> float:
        """Time of the finished epochs, validation included, over all parts of a continued run."""
        return sum(row["seconds"] for row in self.epochs)

    def __str__(self) -> str:
        text = f"{len(self.epochs)} epochs, {self.steps} steps, {self.seconds:.1f} s"
        if self.best_epoch is not None:
            text += f", best epoch {self.best_epoch} with {self.best_metric:.4f}"
        return f"{text} ({self.stopped})"
