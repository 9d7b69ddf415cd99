"""Whisper with random weights and small sizes, and the course's own processor around it."""

import torch
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperForConditionalGeneration,
    WhisperProcessor,
)

from tl_helpers import assets
from tl_helpers.models import speech

SMALL = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
}  # fmt: skip


def network(**sizes) -> WhisperForConditionalGeneration:
    """Random weights with the vocabulary of tiny.en."""
    tokens = {"pad_token_id": 50256, "bos_token_id": 50256, "eos_token_id": 50256}
    config = WhisperConfig(
        vocab_size=51864, decoder_start_token_id=50257, **tokens, **{**SMALL, **sizes}
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WhisperForConditionalGeneration(config)
    settings = {"no_timestamps_token_id": 50362, "suppress_tokens": [1, 2, 50257]}
    model.generation_config = GenerationConfig(
        decoder_start_token_id=50257, begin_suppress_tokens=[220, 50256], **tokens, **settings
    )
    return model


def processor() -> WhisperProcessor:
    return WhisperProcessor.from_pretrained(assets.fetch("whisper-tiny-en"))


def recogniser(longest: float = 2.0) -> speech.Recogniser:
    return speech.of_model(network(), processor(), longest)
