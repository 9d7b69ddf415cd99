"""Speech recognisers: what is heard is computed once, and then read by a decoder many times.

Whisper (Radford et al. 2023) has an encoder that turns sound into a vector each fiftieth of a
second, and a decoder that writes tokens while it looks at them. The encoder is the dear half of
short clips and stays frozen here, so its output is kept.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from tl_helpers import assets
from tl_helpers.datasets.recordings import RATE, Recordings

if TYPE_CHECKING:
    from transformers import GenerationConfig, WhisperForConditionalGeneration, WhisperProcessor
    from transformers.models.whisper.modeling_whisper import WhisperDecoder, WhisperEncoder

PER_SECOND = 50  # vectors of the encoder
QUIET = 1.0  # seconds of silence that end a clip: without, transcripts go round in loops
SHORTEST_WINDOW = 8  # seconds; in shorter windows transcripts begin to loop, too
LONGEST_ANSWER = 60  # tokens

_AT_ONCE = 8  # clips that are written down together; more take memory and hardly save time

# Full-size recognisers for the gpu profile, which transformers fetches from the hub.
HUB_MODELS = {"whisper-small": "openai/whisper-small.en"}


@dataclass(eq=False)
class Heard:
    """Recordings as the encoder hears them.

    Attributes
    ----------
    states : Tensor
        float16 (N, positions, width).
    texts, groups : list of str
    """

    states: Tensor
    texts: list[str]
    groups: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, places: Sequence[int]) -> Heard:
        """Those at these positions, in this order."""
        texts, groups = ([part[p] for p in places] for part in (self.texts, self.groups))
        return Heard(self.states[list(places)], texts, groups)


@dataclass(eq=False)
class Recogniser:
    """Whisper in two halves, of which the decoder may learn.

    Attributes
    ----------
    encoder, decoder : nn.Module
        Of transformers.
    words : Tensor
        float (tokens, width): the embedding that turns the decoder's vectors into scores.
    processor : WhisperProcessor
    settings : GenerationConfig
        Tokens that begin a text, end it, and are never written.
    window : int
        Seconds that the encoder hears at once.
    trainable : int
        Parameters that were trained here.
    """

    encoder: WhisperEncoder
    decoder: WhisperDecoder
    words: Tensor
    processor: WhisperProcessor
    settings: GenerationConfig
    window: int
    trainable: int = 0
    _said: dict = field(default_factory=dict, repr=False)

    def learner(self, trains: str) -> Recogniser:
        """A copy in which the parameters of the decoder that match ``trains`` are its own.

        All other weights are shared with this one, which nothing changes.
        """
        shared = {
            id(parameter): parameter
            for name, parameter in self.decoder.named_parameters()
            if not re.match(trains, name)
        }
        return replace(self, decoder=copy.deepcopy(self.decoder, shared), _said={})

    def start(self, prompt: str = "") -> list[int]:
        """Tokens before the text; with a prompt, as if its words had been said just before."""
        begin = [self.settings.decoder_start_token_id]
        if getattr(self.settings, "is_multilingual", False):
            begin += self.processor.tokenizer.convert_tokens_to_ids(["<|en|>", "<|transcribe|>"])
        begin.append(self.settings.no_timestamps_token_id)  # type: ignore[attr-defined]  # Whisper's
        if not prompt:
            return begin
        said = self.processor.tokenizer(" " + prompt.strip(), add_special_tokens=False).input_ids
        room = self.decoder.config.max_target_positions // 2 - 1
        before = self.processor.tokenizer.convert_tokens_to_ids("<|startofprev|>")
        return [before, *said[-room:], *begin]

    def tokens(self, text: str) -> list[int]:
        """A whole text as the decoder should write it: start, words, end."""
        said = self.processor.tokenizer(" " + text.strip(), add_special_tokens=False).input_ids
        return [*self.start(), *said, self.settings.eos_token_id]


def load(
    name: str = "whisper-tiny-en", longest: float = 0.0, device: str | torch.device = "cpu"
) -> Recogniser:
    """A recogniser for clips of at most ``longest`` seconds, all of it frozen.

    Whisper pads every clip to 30 seconds. For short ones the window is cut, with the encoder's
    table of positions: to the longest clip and a second of silence, at least to eight seconds.

    Parameters
    ----------
    name : {"whisper-tiny-en", "whisper-small"}
        39 M parameters from the course's assets; 244 M from the hub.
    longest : float, default 0.0
        Seconds.
    device : str or torch.device, default "cpu"

    Raises
    ------
    ValueError
        For an unknown name or clips that no window holds.
    AssetError
        When the weights cannot be had.
    """
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    if name != "whisper-tiny-en" and name not in HUB_MODELS:
        known = ", ".join(["whisper-tiny-en", *HUB_MODELS])
        raise ValueError(f"No recogniser is called {name!r}. Known are: {known}.")
    source = HUB_MODELS.get(name) or assets.fetch(name)
    model = WhisperForConditionalGeneration.from_pretrained(source, dtype=torch.float32)
    model.to(device)  # type: ignore[arg-type]  # transformers' decorator loses self
    return of_model(model, WhisperProcessor.from_pretrained(source), longest)


def of_model(
    model: WhisperForConditionalGeneration, processor: WhisperProcessor, longest: float = 0.0
) -> Recogniser:
    """The same from transformers' model and processor; the model's encoder is cut in place.

    Raises
    ------
    ValueError
        When the model's window holds no clip of ``longest`` seconds.
    """
    window = cut(model.eval().requires_grad_(False), longest)
    return Recogniser(
        model.model.encoder,
        model.model.decoder,
        model.proj_out.weight,
        processor,
        model.generation_config,
        window,
    )


def cut(model: WhisperForConditionalGeneration, longest: float) -> int:
    """Cut the window of transformers' Whisper, in place, for clips of at most ``longest`` seconds.

    The encoder's table of positions loses its end, and its input is expected to be as short.

    Returns
    -------
    int
        Seconds of the window: the longest clip and a second of silence, at least eight.

    Raises
    ------
    ValueError
        When the model's window holds no such clip.
    """
    whole = model.config.max_source_positions // PER_SECOND
    if longest + QUIET > whole:
        raise ValueError(f"a clip has {longest:.0f} s; expected at most {whole - QUIET:.0f} s.")
    window = min(whole, max(SHORTEST_WINDOW, math.ceil(longest + QUIET)))
    encoder = model.model.encoder
    table = encoder.embed_positions.weight[: window * PER_SECOND].detach().clone()
    encoder.embed_positions = nn.Embedding.from_pretrained(table)
    model.config.max_source_positions = len(table)
    return window


def hear(recogniser: Recogniser, recordings: Recordings, batch: int = 4) -> Heard:
    """Recordings through the encoder, once.

    What lies behind the longest clip and a second of silence is dropped: the decoder then has
    less to look at, and writes the same.

    Parameters
    ----------
    recogniser : Recogniser
    recordings : Recordings
    batch : int, default 4
        Clips at a time.

    Raises
    ------
    ValueError
        For a clip that the recogniser's window does not hold.
    """
    longest = max(len(sound) for sound in recordings.sounds) / RATE
    if longest > recogniser.window:
        raise ValueError(
            f"a clip has {longest:.1f} s, and this recogniser hears {recogniser.window} s; "
            "give load(longest=...) the longest of all clips."
        )
    kept = math.ceil((longest + QUIET) * PER_SECOND)
    states = [
        _states(recogniser, recordings.sounds[first : first + batch])[:, :kept].half()
        for first in range(0, len(recordings), batch)
    ]
    return Heard(torch.cat(states), recordings.texts, recordings.groups)


@torch.no_grad()
def _states(recogniser: Recogniser, sounds: Sequence[np.ndarray]) -> Tensor:
    features = recogniser.processor.feature_extractor(
        list(sounds),
        sampling_rate=RATE,
        max_length=recogniser.window * RATE,
        return_tensors="pt",
    ).input_features
    return recogniser.encoder(features.to(recogniser.words.device)).last_hidden_state.cpu()


def transcribe(recogniser: Recogniser, heard: Heard, prompt: str = "") -> list[str]:
    """What the decoder writes, the likeliest token each time; kept for the next call.

    Parameters
    ----------
    recogniser : Recogniser
    heard : Heard
    prompt : str, default ""
        Words that the decoder is told were said before, such as a list of names (Radford et al.
        2023, section 2.3). Only its end is used where it is too long.

    Returns
    -------
    list of str
        At most `LONGEST_ANSWER` tokens each.
    """
    key = (heard, prompt)
    if key not in recogniser._said:
        batches = heard.states.split(_AT_ONCE)
        written = [_write(recogniser, states, prompt) for states in batches]
        recogniser._said[key] = [text.strip() for texts in written for text in texts]
    return recogniser._said[key]


@torch.no_grad()
def _write(recogniser: Recogniser, states: Tensor, prompt: str) -> list[str]:
    device, settings = recogniser.words.device, recogniser.settings
    states, end = states.to(device, recogniser.words.dtype), settings.eos_token_id
    ids = torch.tensor([recogniser.start(prompt)] * len(states), device=device)
    done, past, written = torch.zeros(len(states), dtype=torch.bool, device=device), None, []
    for place in range(LONGEST_ANSWER):
        out = recogniser.decoder(
            input_ids=ids, encoder_hidden_states=states, past_key_values=past, use_cache=True
        )
        # The large table first: on processors a few vectors times it take twice as long.
        past, scores = out.past_key_values, (recogniser.words @ out.last_hidden_state[:, -1].T).T
        scores[:, _never(settings, place == 0)] = -torch.inf
        scores[:, end + 1 :] = -torch.inf  # marks of languages, tasks and times
        chosen = scores.argmax(-1).where(~done, end)
        written.append(chosen)
        done |= chosen == end
        if done.all():
            break
        ids = chosen[:, None]
    return recogniser.processor.tokenizer.batch_decode(
        torch.stack(written, 1), skip_special_tokens=True
    )


def _never(settings: GenerationConfig, first: bool) -> list[int]:
    """Tokens that are not written: noises and symbols, and at the beginning a mere end."""
    never = list(settings.suppress_tokens or ())
    return never + list(settings.begin_suppress_tokens or ()) if first else never
