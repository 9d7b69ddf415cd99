"""Rare words are matched, learned, counted; what is not to change stays as it was."""

import numpy as np
import pytest
import tiny_whisper
import torch

from tl_helpers.arms import transcripts
from tl_helpers.datasets.recordings import plain
from tl_helpers.models.speech import Heard, transcribe

WORDS = ["apixaban", "Nebivolol"]


@pytest.fixture(scope="module")
def tiny():
    return tiny_whisper.recogniser()


@pytest.fixture(scope="module")
def pool():
    texts = ["take apixaban", "take nebivolol now", "no", "apixaban again"]
    states = torch.randn(4, 40, 32, generator=torch.Generator().manual_seed(0)).half()
    return Heard(states, texts, list("abcd"))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("She takes a pixel ban at night.", "she takes apixaban at night"),
        ("Apixaban, and NEBIVOLOL!", "apixaban and nebivolol"),
        ("nebby volol or ap ixa ban", "nebivolol or apixaban"),
        ("the dog slept by the fire", "the dog slept by the fire"),
        ("", ""),
    ],
)
def test_what_resembles_a_word_is_replaced_by_it(said, written):
    assert transcripts.match(said, WORDS) == written


def test_strictness_decides():
    assert transcripts.match("we saw a pixel man", WORDS, 70) == "we saw apixaban"
    assert transcripts.match("we saw a pixel man", WORDS, 75) == "we saw a pixel man"


def test_recall_counts_each_rare_word_in_its_own_clip():
    truth = ["Take apixaban.", "apixaban and nebivolol", "no"]
    assert transcripts.recall(WORDS, truth, ["take Apixaban", "nebivolol", ""]) == 2 / 3
    assert transcripts.recall(WORDS, truth, ["", "apixabans", "apixaban nebivolol"]) == 0
    with pytest.raises(ValueError, match="none of the words"):
        transcripts.recall(WORDS, ["no"], ["no"])


def test_false_words_are_those_nobody_said_in_the_clip():
    truth, written = ["apixaban", "no"], ["apixaban nebivolol", "apixaban apixaban"]
    assert transcripts.false_words(WORDS, truth, written) == 3


def test_word_error_rate_ignores_case_and_punctuation():
    assert transcripts.word_error_rate(["It's late, Ann."], ["it’s LATE ann"]) == 0
    assert transcripts.word_error_rate(["one two"], ["one"]) == 0.5
    assert plain("  Don't — stop! 3rd ") == "don't stop 3rd"


@pytest.mark.parametrize("way", [transcripts.decoder, transcripts.lora])
def test_training_lowers_the_loss_and_leaves_the_recogniser_as_it_was(tiny, pool, way, monkeypatch):
    monkeypatch.setattr(transcripts, "RATE", 3e-3)
    before = {name: value.clone() for name, value in tiny.decoder.named_parameters()}
    own = way(tiny, pool, steps=6).recogniser(4, 0)
    with torch.no_grad():
        losses = [transcripts._loss(one, one.decoder, [pool]).item() for one in (tiny, own)]
    assert losses[1] < losses[0]
    for name, value in tiny.decoder.named_parameters():
        assert torch.equal(value, before[name]), name
        assert value.grad is None and not value.requires_grad
    kept = dict(own.decoder.named_parameters())["layers.0.encoder_attn.k_proj.weight"]
    assert kept is dict(tiny.decoder.named_parameters())["layers.0.encoder_attn.k_proj.weight"]
    assert own.trainable > 0 and all(p.grad is None for p in own.decoder.parameters())


def test_the_same_seed_trains_the_same_and_another_seed_another(tiny, pool):
    def weights(seed):
        own = transcripts.decoder(tiny, pool, steps=2).recogniser(3, seed)
        return own.decoder.layers[0].fc1.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_gradients_of_pairs_add_up_to_those_of_the_whole(tiny, pool):
    own = tiny.learner(transcripts._TRAINED)
    weight = own.decoder.layers[0].fc1.weight.requires_grad_(True)
    transcripts._loss(own, own.decoder, [pool, pool.take([1])]).backward()
    whole, weight.grad = weight.grad, None
    transcripts._backward(own, own.decoder, [pool, pool.take([1])])
    torch.testing.assert_close(weight.grad, whole)


def test_rehearsed_clips_take_part(tiny, pool):
    alone, mixed = (
        transcripts.decoder(tiny, pool, steps=2, rehearsed=other).recogniser(4, 0)
        for other in (None, pool.take([2, 3]))
    )
    assert not torch.equal(alone.decoder.layers[0].fc1.weight, mixed.decoder.layers[0].fc1.weight)


def test_a_recogniser_is_trained_once_and_read_back_the_same(tiny, pool, monkeypatch):
    fitted = []
    fit = transcripts._fit
    monkeypatch.setattr(transcripts, "_fit", lambda *given: fitted.append(1) or fit(*given))
    learner = transcripts.decoder(tiny, pool, steps=2)
    first, again = learner.recogniser(3, 1), learner.recogniser(3, 1)
    assert len(fitted) == 1 and first.trainable == again.trainable > 0
    for mine, theirs in zip(first.decoder.parameters(), again.decoder.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    other = torch.randn(2, 40, 32, generator=torch.Generator().manual_seed(1)).half()
    clips = Heard(other, ["x", "y"], ["x", "y"])
    assert learner.texts(3, 1, clips) == transcribe(first, clips)


def test_arms_of_one_learner_share_transcripts(tiny, pool, monkeypatch):
    calls = []
    said = ["take a pixel ban", "no", "no", "no"]
    monkeypatch.setattr(transcripts, "transcribe", lambda *given: calls.append(1) or said)
    learner = transcripts.unchanged(tiny)
    plain_arm, matched = learner.arm(pool), learner.arm(pool, words=WORDS)
    assert plain_arm(2, 0).predicted[0] == "take a pixel ban"
    assert matched(2, 0).predicted[0] == "take apixaban"
    assert len(calls) == 1 and plain_arm(2, 0).trainable == 0


def test_budgets_are_nested_and_bounded(pool):
    small, large = (transcripts._budget(pool, count, 5).texts for count in (2, 3))
    assert set(small) < set(large)
    with pytest.raises(ValueError, match="expected 1 to 4"):
        transcripts._budget(pool, 5, 0)


def test_the_table_has_a_row_an_arm(tiny, pool):
    from tl_helpers import compare
    from tl_helpers.training import runtime

    def said(*texts):
        return lambda budget, seed: compare.Prediction(np.array(texts))

    report = compare.run(
        {"good": said("take apixaban", "no"), "bad": said("take nebivolol", "apixaban")},
        [2],
        [0],
        truth=["take apixaban", "no"],
        metric=lambda truth, written: transcripts.recall(WORDS, truth, written),
        metric_name="recall",
        pretrained=["good"],
        runtime=runtime.start("smoke"),
        lesson="4.1",
        progress=False,
    )
    table = transcripts.table(report, WORDS)
    assert table.loc["good"].tolist() == [0, 0]
    assert table.loc["bad"].tolist() == [pytest.approx(0.67), 2]
