"""Ways to make a speech recogniser write rare words: told a list, matched with it, or trained.

Arms of a comparison answer with transcripts, one text a clip. What is trained is trained once
for each budget and seed, and shared by the arms that use it.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from tl_helpers.arms.rare_words import false_words, match, recall, table, word_error_rate
from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.models.speech import Heard, Recogniser, transcribe
from tl_helpers.training.runtime import trim_memory

__all__ = [
    "Learner",
    "decoder",
    "false_words",
    "lora",
    "match",
    "recall",
    "table",
    "unchanged",
    "word_error_rate",
]

BATCH, WARM_UP = 4, 3
# Chosen beforehand, each of six, on four voices and four sentences that no lesson tests on.
RATE, LORA_RATE = 2e-4, 4e-3
LORA_RANK = 16
# The keys and values of what is heard stay: computing them anew would double a step's price.
_TRAINED = r"layers\.\d+\.(self_attn\.|encoder_attn\.(q_proj|out_proj)|fc|.*norm)"


class Learner:
    """Recognisers by budget and seed, each trained once, and what they wrote.

    What was trained waits in a temporary file, since a few of them would fill a small computer's
    memory; transcripts are kept.

    Parameters
    ----------
    recogniser : Recogniser
        What all of them start from.
    train : callable, optional
        ``train(budget, seed) -> Recogniser``, a copy of it in which parameters were trained; by
        default it stays as it is, whatever the budget.
    """

    def __init__(
        self, recogniser: Recogniser, train: Callable[[int, int], Recogniser] | None = None
    ) -> None:
        self._base = recogniser
        self._training = (train, tempfile.TemporaryDirectory()) if train else None
        self._trainable: dict[tuple[int, int], int] = {}
        self._written: dict[tuple, tuple[list[str], int]] = {}

    def recogniser(self, budget: int, seed: int) -> Recogniser:
        """The recogniser of this budget and seed, trained now or read back."""
        if self._training is None:
            return self._base
        train, folder = self._training
        file = Path(folder.name) / f"{budget}-{seed}.safetensors"
        if (budget, seed) not in self._trainable:
            own = train(budget, seed)
            weights: dict[str, Tensor] = {
                name: value for name, value in own.decoder.named_parameters() if _trains(name)
            }
            save_file(weights, file)
            self._trainable[budget, seed] = own.trainable
            return own
        own = self._base.learner(_TRAINED)
        own.decoder.load_state_dict(load_file(file), strict=False)
        return replace(own, trainable=self._trainable[budget, seed])

    def texts(self, budget: int, seed: int, heard: Heard, prompt: str = "") -> list[str]:
        """Transcripts of these clips by the recogniser of this budget and seed."""
        return self._of(budget, seed, heard, prompt)[0]

    def arm(self, test: Heard, *, prompt: str = "", words: Sequence[str] = ()) -> Arm:
        """An arm of a comparison that transcribes the test clips.

        Parameters
        ----------
        test : Heard
        prompt : str, default ""
            Words that the decoder is told were said before.
        words : sequence of str, optional
            Vocabulary that the transcripts are matched with (`match`).

        Returns
        -------
        callable
            ``arm(budget, seed) -> Prediction`` of texts, str (n,).
        """

        def arm(budget: int, seed: int) -> Prediction:
            texts, trainable = self._of(budget, seed, test, prompt)
            matched = [match(text, words) for text in texts] if words else texts
            return Prediction(np.array(matched), trainable)

        return arm

    def _of(self, budget: int, seed: int, heard: Heard, prompt: str) -> tuple[list[str], int]:
        key = (budget, seed, heard, prompt)
        if key not in self._written:
            recogniser = self.recogniser(budget, seed)
            self._written[key] = transcribe(recogniser, heard, prompt), recogniser.trainable
        return self._written[key]


def unchanged(recogniser: Recogniser) -> Learner:
    """The recogniser as it is, whatever the budget."""
    return Learner(recogniser)


def decoder(
    recogniser: Recogniser, pool: Heard, *, steps: int = 24, rehearsed: Heard | None = None
) -> Learner:
    """Fine-tune the decoder's layers on transcribed clips; the encoder stays frozen.

    Parameters
    ----------
    recogniser : Recogniser
    pool : Heard
        Clips to draw a budget from.
    steps : int, default 24
        Of `BATCH` clips, AdamW, the rate warmed up and then falling to 0.
    rehearsed : Heard, optional
        Other clips of which two are mixed into every step, so that what was known is kept
        (Robins, Catastrophic forgetting, rehearsal and pseudorehearsal, 1995).

    Returns
    -------
    Learner
    """

    def train(budget: int, seed: int) -> Recogniser:
        own = recogniser.learner(_TRAINED)
        trained = [value for name, value in own.decoder.named_parameters() if _trains(name)]
        _fit(own, own.decoder, trained, _budget(pool, budget, seed), rehearsed, (steps, RATE, seed))
        return own

    return Learner(recogniser, train)


def lora(recogniser: Recogniser, pool: Heard, *, steps: int = 24) -> Learner:
    """As `decoder`, but small matrices beside the frozen ones learn (Hu et al. 2022), by peft."""

    def train(budget: int, seed: int) -> Recogniser:
        from peft import LoraConfig, get_peft_model

        own = recogniser.learner(_TRAINED)
        torch.manual_seed(seed)
        targets = r".*(self_attn\.(q|k|v|out)_proj|encoder_attn\.(q|out)_proj|fc1|fc2)"
        config = LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules=targets)
        with warnings.catch_warnings():  # peft asks transformers by an older name
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            adapted = get_peft_model(own.decoder, config)
        trained = [p for p in adapted.parameters() if p.requires_grad]
        few = _budget(pool, budget, seed)
        _fit(own, adapted, trained, few, None, (steps, LORA_RATE, seed))
        adapted.merge_and_unload()  # in place: the decoder is itself again
        return own

    return Learner(recogniser, train)


def _trains(name: str) -> bool:
    return re.match(_TRAINED, name) is not None


def _budget(pool: Heard, budget: int, seed: int) -> Heard:
    if not 1 <= budget <= len(pool):
        raise ValueError(f"the budget is {budget} clips; expected 1 to {len(pool)}.")
    return pool.take(np.random.default_rng(seed).permutation(len(pool))[:budget].tolist())


def _fit(
    own: Recogniser,
    network: nn.Module,
    trained: list[nn.Parameter],
    few: Heard,
    rehearsed: Heard | None,
    plan: tuple[int, float, int],
) -> None:
    """Steps of AdamW on ``trained``; ``plan`` is steps, highest rate and seed."""
    steps, rate, seed = plan
    own.trainable = sum(parameter.numel() for parameter in trained)
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    clips = _batches(few, BATCH, seed)
    others = _batches(rehearsed, BATCH // 2, seed) if rehearsed is not None else None
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / WARM_UP) * (1 - step / steps)
        optimizer.zero_grad()
        _backward(own, network, [next(clips)] + ([next(others)] if others else []))
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
    for parameter in trained:
        parameter.requires_grad_(False)
        parameter.grad = None
    del optimizer
    trim_memory()  # the optimizer's, which is twice that of what trained


def _batches(clips: Heard, size: int, seed: int) -> Iterator[Heard]:
    """Batches without end; every clip comes once before one comes again."""
    chance = np.random.default_rng(seed)
    left: list[int] = []
    while True:
        while len(left) < size:
            left += chance.permutation(len(clips)).tolist()
        yield clips.take(left[:size])
        left = left[size:]


def _backward(own: Recogniser, network: nn.Module, batches: list[Heard]) -> None:
    """Gradients of `_loss`, two clips at a time: scores of 50,000 tokens take much memory."""
    pairs = [batch.take(range(n, min(n + 2, len(batch)))) for batch in batches
             for n in range(0, len(batch), 2)]  # fmt: skip
    counts = [sum(len(own.tokens(text)) - len(own.start()) for text in p.texts) for p in pairs]
    for pair, count in zip(pairs, counts, strict=True):
        (_loss(own, network, [pair]) * count / sum(counts)).backward()


def _loss(own: Recogniser, network: nn.Module, batches: list[Heard]) -> Tensor:
    """Mean cross-entropy of the tokens of the texts, each given those before it."""
    device, losses = own.words.device, []
    for batch in batches:
        tokens = [own.tokens(text) for text in batch.texts]
        longest, begin = max(map(len, tokens)), len(own.start())
        ids = torch.full((len(tokens), longest), own.settings.eos_token_id, device=device)
        wanted = torch.zeros_like(ids, dtype=torch.bool)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = torch.tensor(one, device=device)
            wanted[row, begin : len(one)] = True
        vectors = network(
            input_ids=ids[:, :-1],
            encoder_hidden_states=batch.states.to(device, own.words.dtype),
            use_cache=False,
        ).last_hidden_state
        scores = vectors[wanted[:, 1:]] @ own.words.T
        losses.append(functional.cross_entropy(scores, ids[wanted], reduction="none"))
    return torch.cat(losses).mean()
