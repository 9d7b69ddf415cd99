"""Small changes of a network whose head was fitted first: what trains, and what an arm answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tl_helpers import arms
from tl_helpers.arms import additions
from tl_helpers.datasets import Examples, Splits

WORDS = ("good", "fine", "great", "bad", "poor", "awful")


class _Layer(nn.Module):
    """One layer with a name of BERT's."""

    def __init__(self):
        super().__init__()
        self.output = nn.ModuleDict({"dense": nn.Linear(6, 6)})
        self.attention = nn.ModuleDict({"output": nn.ModuleDict({"dense": nn.Linear(6, 6)})})

    def forward(self, x):
        return self.output.dense(torch.tanh(self.attention.output.dense(x)))


class _Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding.from_pretrained(torch.eye(6), freeze=False)
        self.layer = _Layer()

    def forward(self, rows):
        return self.layer(self.embeddings(rows))


class _Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = _Encoder(), nn.Linear(6, 2)

    def forward(self, texts):
        return self.head(self.encoder(torch.tensor([WORDS.index(text) for text in texts])))


def _texts(name: str, times: int) -> Examples:
    texts, y = list(WORDS) * times, torch.tensor([0, 0, 0, 1, 1, 1] * times)
    ids = [f"{name} {i}" for i in range(len(texts))]
    return Examples(texts, y, ids, ids, ["praise", "blame"])


DATA = Splits(_texts("train", 4), _texts("valid", 1), _texts("test", 2), card="")


def _train(model, few):
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=0.1)
    for _ in range(3):
        loss = cross_entropy(model.train()(few.x), few.y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def _training(model):
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def test_each_way_trains_its_own_part_and_the_head():
    head = {"head.weight", "head.bias"}
    assert _training(additions.everything(_Classifier())) == {
        *(name for name, _ in _Classifier().named_parameters() if "embeddings" not in name)
    }
    biases = _training(additions.bias_only(_Classifier())) - head
    assert biases and all(name.endswith("bias") for name in biases)
    inside = _training(additions.bottleneck(_Classifier()))
    assert inside >= head and all("bottleneck" in name for name in inside - head)


def test_the_first_head_scores_as_logistic_regression_on_the_frozen_features_does():
    from sklearn.linear_model import LogisticRegression

    torch.manual_seed(0)
    model = _Classifier()
    with torch.no_grad():
        x = model.encoder(torch.tensor([WORDS.index(text) for text in DATA.train.x])).numpy()
    fitted = LogisticRegression(C=0.1, max_iter=1000).fit(x, DATA.train.y)
    given = additions.answers(additions.probe_first(model, DATA.train), DATA.train.x)
    torch.testing.assert_close(given.softmax(1), torch.tensor(fitted.predict_proba(x)).float())


def test_answers_come_in_order_in_eval_mode_over_more_texts_than_a_batch():
    model = nn.Sequential(_Classifier(), nn.Dropout(0.9)).train()
    texts = [WORDS[i % 6] for i in range(2 * additions.BATCH + 5)]
    found = additions.answers(model, texts)
    assert found.shape == (len(texts), 2)
    torch.testing.assert_close(found, model[0](texts).detach())


@pytest.mark.parametrize("way", [additions.bias_only, additions.bottleneck, additions.everything])
def test_an_arm_learns_counts_what_trains_and_repeats_at_a_seed(way):
    arm = additions.Added(_Classifier, way, _train, DATA)
    one, two = arm(12, 3), arm(12, 3)
    assert (one.predicted == two.predicted).all()
    assert one.trainable == sum(
        weight.numel() for weight in way(_Classifier()).parameters() if weight.requires_grad
    )
    assert (one.predicted == DATA.test.y.numpy()).mean() > 0.8


def test_an_arm_reads_only_the_labels_of_its_budget():
    seen = []

    def train(model, few):
        seen.append(few)
        return []

    additions.Added(_Classifier, additions.bias_only, train, DATA)(4, 1)
    assert seen[0].ids == arms.labelled(DATA.train, 4, 1).ids
    with pytest.raises(ValueError, match="expected as many for each"):
        additions.Added(_Classifier, additions.bias_only, train, DATA)(3, 1)


def test_a_network_without_a_head_is_refused():
    with pytest.raises(AttributeError, match="head"):
        additions.probe_first(_Encoder(), DATA.train)
