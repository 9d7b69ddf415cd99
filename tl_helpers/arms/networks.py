"""Whole networks trained on the budget: fine-tuned from pretrained weights, and from scratch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from tl_helpers.arms.labels import best, held_out, labelled, untuned
from tl_helpers.compare.prediction import Arm, Prediction, Tuned
from tl_helpers.datasets import Examples, Splits
from tl_helpers.models.backbones import Backbone, with_head
from tl_helpers.techniques import freezing
from tl_helpers.training.evaluation import predict
from tl_helpers.training.loop import fit
from tl_helpers.training.losses import NonFiniteLoss
from tl_helpers.training.runtime import Runtime, seed_everything

BATCH = 16
SHORT = 3  # a trial takes a third of the steps
FINE_TUNE_RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
SCRATCH_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


def fine_tune(
    load: Callable[..., Backbone],
    data: Splits,
    runtime: Runtime,
    *,
    steps: int = 60,
    rates: Sequence[float] = FINE_TUNE_RATES,
) -> Arm:
    """All weights of a pretrained network trained on, under a new linear head.

    AdamW on a one-cycle schedule, batches of 16. Inside the budget each rate is tried for a third
    of the steps on three quarters of the labels, and the quarter held out chooses, as in the first
    round of successive halving (Jamieson and Talwalkar, Non-stochastic best arm identification,
    2016). Where the network has batch-norm, its statistics stay as pretraining left them while
    rates are tried, the lowest rate is left out, and one trial more, at the best rate, lets them
    follow the data: the better of the two is used.

    Parameters
    ----------
    load : callable
        ``load(seed=...)`` gives a fresh backbone, as ``partial(backbones.load, "minilm-l6")``.
    data : Splits
        Pictures uint8 (N, C, H, W), or texts. The labels of ``test`` are never read.
    runtime : Runtime
    steps : int, default 60
        Optimizer steps of the training that answers; more where four epochs take more.
    rates : sequence of float
        Six learning rates, increasing.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction`` with labels int (n,). A call costs three trainings.

    Raises
    ------
    ValueError
        From the arm, for a budget that the classes cannot share.
    """

    def arm(budget: int, seed: int) -> Prediction:
        few = labelled(data.train, budget, seed)
        normed = any(isinstance(m, _BatchNorm) for m in load(seed=seed).module.modules())

        def trained(examples: Examples, rate: float, length: int, free: bool = False) -> _Network:
            network = _Network(load, len(few.classes), runtime, seed)
            if not free:
                freezing.keep_statistics(network.model)
            return network.train(examples, rate, length)

        grid, free = rates[1:] if normed else rates, False
        if (parts := held_out(few, seed)) is None:
            tuned = untuned(grid)
        else:
            trial = _Trial(trained, parts, steps // SHORT)
            tuned, losses = best(grid, trial.losses)
            free = normed and trial.frees(tuned.setting, losses)
        network = trained(few, tuned.setting, steps, free)
        words = f"{tuned.setting:g}" + ", free statistics" * free
        tried = tuned.tried + (normed and tuned.tried > 0)
        return network.answer(data.test, Tuned(words, tried, tuned.edge))

    return arm


def scratch(
    load: Callable[..., Backbone],
    data: Splits,
    runtime: Runtime,
    *,
    steps: int = 150,
    rates: Sequence[float] = SCRATCH_RATES,
) -> Arm:
    """The same architecture from random weights: as many settings as `fine_tune`, more steps.

    Parameters
    ----------
    load : callable
        ``load(pretrained=False, seed=...)`` gives a fresh backbone with random weights.
    data, runtime, rates
        As in `fine_tune`. Batch-norm follows the data: there are no statistics to keep.
    steps : int, default 150
        Two and a half times those of `fine_tune`, since everything is to be learned.

    Returns
    -------
    callable
        ``arm(budget, seed) -> Prediction``.
    """

    def arm(budget: int, seed: int) -> Prediction:
        few = labelled(data.train, budget, seed)

        def trained(examples: Examples, rate: float, length: int) -> _Network:
            fresh = partial(load, pretrained=False)
            return _Network(fresh, len(few.classes), runtime, seed).train(examples, rate, length)

        if (parts := held_out(few, seed)) is None:
            tuned = untuned(rates)
        else:
            tuned, _ = best(rates, _Trial(trained, parts, steps // SHORT).losses)
        return trained(few, tuned.setting, steps).answer(data.test, tuned)

    return arm


class _Network:
    """A backbone under a new head, in training and in answering."""

    def __init__(self, load, classes: int, runtime: Runtime, seed: int) -> None:
        seed_everything(seed)
        self.runtime, self.backbone = runtime, load(seed=seed)
        self.model = with_head(self.backbone, classes).to(runtime.device)

    def inputs(self, examples: Examples) -> object:
        """Pictures as they are, since the model prepares them; texts as tokens."""
        prepare = self.backbone.preprocess
        return examples.x if isinstance(prepare, nn.Module) else prepare(examples.x)

    def train(self, few: Examples, rate: float, steps: int) -> _Network:
        batches = math.ceil(len(few) / BATCH)
        epochs = max(4, math.ceil(steps / batches))
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rate, total_steps=epochs * batches
        )
        fit(
            self.model, (self.inputs(few), few.y), loss_fn=cross_entropy, optimizer=optimizer,
            epochs=epochs, batch_size=BATCH, scheduler=schedule, scheduler_per="step",
            runtime=self.runtime, progress=False,
        )  # fmt: skip
        return self

    def losses(self, examples: Examples) -> np.ndarray:
        return cross_entropy(self._outputs(examples), examples.y, reduction="none").numpy()

    def answer(self, test: Examples, tuned: Tuned | None) -> Prediction:
        trainable = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        return Prediction(self._outputs(test).argmax(1).numpy(), trainable, tuned)

    def _outputs(self, examples: Examples) -> torch.Tensor:
        return predict(self.model, self.inputs(examples), self.runtime).float().cpu()


class _Trial:
    """Short trainings on a part of the labels, judged by their loss on the part held out."""

    def __init__(self, trained, parts: tuple[Examples, Examples], steps: int) -> None:
        self.trained, self.parts, self.steps = trained, parts, steps

    def frees(self, rate: float, kept: np.ndarray) -> bool:
        """Whether statistics that follow the data are better than those kept, beyond chance."""
        gain = kept - self.losses(rate, free=True)
        return bool(gain.mean() > gain.std(ddof=1) / math.sqrt(len(gain)))

    def losses(self, rate: float, **how: bool) -> np.ndarray:
        kept, judged = self.parts
        try:
            return self.trained(kept, rate, self.steps, **how).losses(judged)
        except NonFiniteLoss:
            return np.full(len(judged), math.inf)  # a rate at which training diverges
