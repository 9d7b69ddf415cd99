"""Language models of profile gpu build as they are used, without their downloads."""

from __future__ import annotations

import pytest
import torch

from tl_helpers.models import sentence_encoders
from tl_helpers.models.backbones import Backbone, SentenceEncoder


def test_minilm_reads_as_many_tokens_as_asked():
    backbone = sentence_encoders.load("minilm-l6", pretrained=False, max_length=8)
    tokens = backbone.preprocess(["word " * 50])
    assert tokens["input_ids"].shape == (1, 8)
    assert backbone.module(tokens).shape == (1, 384)


def test_word_vectors_stay_and_with_lora_all_but_the_updates():
    plain = sentence_encoders.load("minilm-l6", pretrained=False)
    frozen = [n for n, p in plain.module.named_parameters() if not p.requires_grad]
    assert frozen and all(".embeddings." in name for name in frozen)
    adapted = sentence_encoders.load_with_lora("minilm-l6", pretrained=False)
    trains = [p.numel() for p in adapted.module.parameters() if p.requires_grad]
    assert sum(trains) == 6 * 2 * 2 * 8 * 384


def test_roberta_has_its_published_size_and_the_layers_that_are_stages():
    with torch.device("meta"):
        network = sentence_encoders.hub_network("roberta-base", pretrained=False)
        hidden = network(torch.ones(2, 7, dtype=torch.int64)).last_hidden_state
    assert hidden.shape == (2, 7, 768)
    # Liu et al. 2019 say 125 M; 0.6 M are the pooler, which is left out.
    assert sum(p.numel() for p in network.parameters()) == 124_055_040
    stages = [network.embeddings, *network.encoder.layer]
    held = {id(p) for stage in stages for p in stage.parameters()}
    assert held == {id(p) for p in network.parameters()}


def test_lora_trains_updates_of_queries_and_values_alone():
    with torch.device("meta"):
        network = sentence_encoders.hub_network("roberta-base", pretrained=False)
        bare = Backbone("x", SentenceEncoder(network), list, 768, {})
        adapted = sentence_encoders.with_lora(bare)
    trains = {n: p for n, p in adapted.module.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in trains.values()) == 12 * 2 * 2 * 8 * 768
    assert all("lora" in name and (".query." in name or ".value." in name) for name in trains)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"called 'bert'.*roberta-base"):
        sentence_encoders.load("bert")
