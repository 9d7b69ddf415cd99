"""Pretrained language models as backbones that give one vector a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from tl_helpers.models import backbones
from tl_helpers.models.backbones import Backbone, SentenceEncoder, Tokenize

if TYPE_CHECKING:
    from transformers import RobertaModel

HUB = {"roberta-base": "FacebookAI/roberta-base"}


def load(name: str, pretrained: bool = True, seed: int = 0, max_length: int = 32) -> Backbone:
    """A language model and the mean of its token vectors, in eval mode.

    Its table of word vectors is frozen: half of all weights, of which a few dozen texts touch few
    rows. All else is trainable.

    Parameters
    ----------
    name : str
        "minilm-l6" (22.6 M parameters, 384 features), as in `backbones.load`, or for profile gpu
        "roberta-base" (Liu et al. 2019; 124 M, 768 features), which transformers downloads.
    pretrained : bool
        False gives the same architecture with random weights, and the same tokenizer.
    seed : int
        Draws the random weights; torch's global generator is left as it was.
    max_length : int, default 32
        Tokens of a text that are read.

    Raises
    ------
    ValueError
        For an unknown name.
    OSError, tl_helpers.assets.AssetError
        When weights or tokenizer cannot be had. Random weights never stand in for them.
    """
    if name == "minilm-l6":
        backbone = backbones.load(name, pretrained, seed)
        cast(Tokenize, backbone.preprocess).max_length = max_length
        backbone.stages["embeddings"].requires_grad_(False)
        return backbone
    if name not in HUB:
        raise ValueError(f"No sentence encoder is called {name!r}. Known: minilm-l6, {[*HUB]}.")
    from transformers import AutoTokenizer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = hub_network(name, pretrained)
    network.embeddings.requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(HUB[name])
    stages: dict[str, nn.Module] = {"embeddings": network.embeddings}
    stages |= {f"layer {i}": layer for i, layer in enumerate(network.encoder.layer)}
    module, size = SentenceEncoder(network).eval(), network.config.hidden_size
    return Backbone(name, module, Tokenize(tokenizer, max_length), size, stages)


def hub_network(name: str, pretrained: bool) -> RobertaModel:
    """The transformer alone; with random weights it needs no download."""
    from transformers import AutoModel, RobertaConfig, RobertaModel

    if pretrained:
        return AutoModel.from_pretrained(HUB[name], add_pooling_layer=False)
    # The sizes of roberta-base, where they differ from BERT's.
    config = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1)
    return RobertaModel(config, add_pooling_layer=False)


def load_with_lora(
    name: str, rank: int = 8, pretrained: bool = True, seed: int = 0, max_length: int = 32
) -> Backbone:
    """`load`, with low-rank updates of queries and values, which alone train.

    Parameters
    ----------
    name, pretrained, seed, max_length
        As in `load`.
    rank : int, default 8

    Raises
    ------
    ValueError, OSError, tl_helpers.assets.AssetError
        As `load`.
    """
    return with_lora(load(name, pretrained, seed, max_length), rank)


def with_lora(backbone: Backbone, rank: int = 8) -> Backbone:
    """The backbone with low-rank updates of queries and values, which alone train.

    Source: Hu et al., LoRA, ICLR 2022; the layers are peft's. The updates are scaled by 2, as
    there; their first weights come from torch's global generator.

    Parameters
    ----------
    backbone : Backbone
        Of `load`; its module is changed in place.
    rank : int, default 8
    """
    import warnings

    from peft import LoraConfig, get_peft_model

    encoder = cast(SentenceEncoder, backbone.module)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)  # peft's
        encoder.transformer = get_peft_model(encoder.transformer, config)
    return backbone
