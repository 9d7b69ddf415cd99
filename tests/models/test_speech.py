"""What a recogniser hears once serves every decoder, and it writes what transformers writes."""

import numpy as np
import pytest
import tiny_whisper
import torch
from transformers.modeling_outputs import BaseModelOutput

from tl_helpers.datasets.recordings import RATE, Recordings
from tl_helpers.models import speech


def clips(count=3, seconds=1.5):
    chance = np.random.default_rng(0)
    sounds = [
        (0.1 * chance.standard_normal(round(seconds * RATE))).astype(np.float32)
        for _ in range(count)
    ]
    names = [str(n) for n in range(count)]
    return Recordings(sounds, ["a text"] * count, names, names)


@pytest.fixture(scope="module")
def tiny():
    return tiny_whisper.recogniser()


def test_the_window_is_cut_to_the_clips_and_never_below_eight_seconds():
    model = tiny_whisper.network()
    table = model.model.encoder.embed_positions.weight.clone()
    assert speech.cut(model, 2.0) == 8
    assert torch.equal(model.model.encoder.embed_positions.weight, table[:400])
    assert model.config.max_source_positions == 400
    assert speech.cut(tiny_whisper.network(), 11.2) == 13
    assert speech.cut(tiny_whisper.network(), 28.9) == 30
    with pytest.raises(ValueError, match="at most 29 s"):
        speech.cut(tiny_whisper.network(), 29.5)


def test_transcripts_are_those_of_transformers(tiny):
    """The same states through its own generation, whose settings say what is never written."""
    model = tiny_whisper.network()
    speech.cut(model, 2.0)
    heard = speech.hear(tiny, clips())
    settings = model.generation_config
    settings.is_multilingual = False
    settings.return_timestamps = False
    settings.suppress_tokens = [1, 2, *range(50257, 51864)]
    ids = model.eval().generate(
        encoder_outputs=BaseModelOutput(heard.states.float()),
        generation_config=settings,
        max_new_tokens=speech.LONGEST_ANSWER,
    )
    wanted = tiny.processor.batch_decode(ids, skip_special_tokens=True)
    assert speech.transcribe(tiny, heard) == [text.strip() for text in wanted]


def test_silence_after_the_longest_clip_is_kept_for_a_second(tiny):
    assert speech.hear(tiny, clips(seconds=1.5)).states.shape == (3, 125, 32)
    assert speech.hear(tiny, clips(seconds=1.5), batch=2).states.dtype == torch.float16


def test_a_clip_longer_than_the_window_is_refused(tiny):
    with pytest.raises(ValueError, match=r"has 9\.0 s, and this recogniser hears 8 s"):
        speech.hear(tiny, clips(1, 9.0))


def test_a_prompt_comes_before_the_start_and_only_its_end_is_used(tiny):
    tokens = tiny.processor.tokenizer.convert_ids_to_tokens(tiny.start("apixaban"))
    assert tokens[0] == "<|startofprev|>"
    assert tokens[-2:] == ["<|startoftranscript|>", "<|notimestamps|>"]
    assert len(tiny.start("word " * 900)) == 448 // 2 + 2
    assert tiny.start() == [50257, 50362]
    assert tiny.tokens("a b")[-1] == 50256


def test_a_learner_shares_all_but_what_it_trains(tiny):
    own = tiny.learner(r"layers\.0\.fc")
    pairs = zip(own.decoder.named_parameters(), tiny.decoder.parameters(), strict=True)
    for (name, mine), theirs in pairs:
        assert (mine is theirs) != name.startswith("layers.0.fc")
    assert own.encoder is tiny.encoder and own._said is not tiny._said


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"Known are: whisper-tiny-en, whisper-small"):
        speech.load("whisper-huge")


def test_the_large_recogniser_of_the_gpu_profile_has_the_same_parts():
    """whisper-small.en's sizes on the meta device: every name that an arm trains is there."""
    sizes = {"d_model": 768, "encoder_layers": 12, "decoder_layers": 12, "encoder_ffn_dim": 3072}
    sizes |= {"decoder_ffn_dim": 3072, "encoder_attention_heads": 12, "decoder_attention_heads": 12}
    with torch.device("meta"):
        model = tiny_whisper.network(**sizes)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(242e6, rel=0.01)
    names = {name for name, _ in model.model.decoder.named_parameters()}
    assert {"layers.11.encoder_attn.q_proj.weight", "layers.11.fc2.weight"} <= names
