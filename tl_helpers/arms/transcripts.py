"""Ways to make a speech recogniser write rare words: told a list, matched with it, or trained.

Arms of a comparison answer with transcripts, one text a clip. What is trained is trained once
for each budget and seed, and shared by the arms that use it.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tl_helpers.compare.prediction import Arm, Prediction
from tl_helpers.datasets.recordings import plain
from tl_helpers.models.speech import Heard, Recogniser, transcribe
from tl_helpers.training.runtime import release_memory

ALIKE = 65  # of 100: how alike a piece of a transcript and a word must be to be taken for it
RUN = 4  # words of a transcript that may have been one
BATCH, WARM_UP, KEPT = 4, 3, 3
# Chosen beforehand, each of six, on four voices and four sentences that no lesson tests on.
RATE, LORA_RATE = 2e-4, 4e-3
LORA_RANK = 16
# The keys and values of what is heard stay: computing them anew would double a step's price.
_TRAINED = r"layers\.\d+\.(self_attn\.|encoder_attn\.(q_proj|out_proj)|fc|.*norm)"


class Learner:
    """Recognisers by budget and seed, each trained once, and what they wrote.

    Parameters
    ----------
    train : callable
        ``train(budget, seed) -> Recogniser``. The latest `KEPT` are kept, a few dozen MB each;
        transcripts are kept all.
    """

    def __init__(self, train: Callable[[int, int], Recogniser]) -> None:
        self.recogniser = functools.lru_cache(KEPT)(train)
        self._written: dict[tuple, tuple[list[str], int]] = {}

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
    return Learner(lambda budget, seed: recogniser)


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
        trained = [p for name, p in own.decoder.named_parameters() if re.match(_TRAINED, name)]
        _fit(own, own.decoder, trained, _budget(pool, budget, seed), rehearsed, (steps, RATE, seed))
        return own

    return Learner(train)


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
        own.decoder = adapted.merge_and_unload()
        return own

    return Learner(train)


def match(text: str, words: Sequence[str], alike: float = ALIKE) -> str:
    """Replace what sounds of a text resemble a word of a list by that word.

    Every run of one to four words, written as one, is compared with every word of the list by
    the share of letters in common (the normalised indel similarity of rapidfuzz). The most alike
    are replaced first.

    Parameters
    ----------
    text : str
    words : sequence of str
    alike : float, default 65
        Of 100; what is less alike stays.

    Returns
    -------
    str
        Lower case, without punctuation.

    Examples
    --------
    >>> match("She takes a pixel ban at night.", ["apixaban"])
    'she takes apixaban at night'
    """
    from rapidfuzz import fuzz, process

    said = plain(text).split()
    lower = [word.lower() for word in words]
    found = []
    for run in range(1, RUN + 1):
        for first in range(len(said) - run + 1):
            joined = "".join(said[first : first + run])
            _, score, place = process.extractOne(joined, lower, scorer=fuzz.ratio)
            found.append((-score, run, first, lower[place]))
    for score, run, first, word in sorted(found):
        free = all(piece and not piece.startswith("=") for piece in said[first : first + run])
        if -score >= alike and free:
            said[first : first + run] = ["=" + word, *[None] * (run - 1)]
    return " ".join(piece.lstrip("=") for piece in said if piece is not None)


def recall(words: Sequence[str], truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of the rare words said that stand in the transcript of their clip, in [0, 1].

    Parameters
    ----------
    words : sequence of str
    truth, predicted : sequence of str, shape (n,)

    Raises
    ------
    ValueError
        When none of the words was said.
    """
    rare = {word.lower() for word in words}
    hits = [
        word in set(plain(heard).split())
        for said, heard in zip(truth, predicted, strict=True)
        for word in plain(said).split()
        if word in rare
    ]
    if not hits:
        raise ValueError("none of the words was said in these clips.")
    return float(np.mean(hits))


def false_words(words: Sequence[str], truth: Sequence[str], predicted: Sequence[str]) -> int:
    """How often a rare word was written in a clip in which it was not said."""
    rare = {word.lower() for word in words}
    return sum(
        word in rare and word not in plain(said).split()
        for said, heard in zip(truth, predicted, strict=True)
        for word in plain(heard).split()
    )


def word_error_rate(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Words to change, drop or add over words said, by jiwer, without case and punctuation."""
    import jiwer

    return jiwer.wer([plain(text) for text in truth], [plain(text) for text in predicted])


def table(report, words: Sequence[str]):
    """Beside a report's own metric: each arm's errors at the largest budget, its first seed.

    Parameters
    ----------
    report : compare.TransferReport
        Its predictions are texts.
    words : sequence of str

    Returns
    -------
    pandas.DataFrame
        A row an arm: word error rate, and rare words that nobody said.
    """
    import pandas as pd

    truth, budget = report.setting.truth, report.setting.budgets[-1]
    rows = {arm: next(iter(report.cell(arm, budget).values())) for arm in report.setting.arms}
    found = {
        arm: (word_error_rate(truth, row.predicted), false_words(words, truth, row.predicted))
        for arm, row in rows.items()
    }
    columns = ["word error rate", "rare words nobody said"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns).round(2)


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
        loss = _loss(own, network, [next(clips)] + ([next(others)] if others else []))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
    for parameter in trained:
        parameter.requires_grad_(False)
        parameter.grad = None
    del optimizer, loss
    release_memory()  # the optimizer's, which is twice that of what trained


def _batches(clips: Heard, size: int, seed: int) -> Iterator[Heard]:
    """Batches without end; every clip comes once before one comes again."""
    chance, left = np.random.default_rng(seed), []
    while True:
        while len(left) < size:
            left += chance.permutation(len(clips)).tolist()
        yield clips.take(left[:size])
        left = left[size:]


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
