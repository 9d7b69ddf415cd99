"""Evaluation and prediction: the model at rest, over the whole set, whatever mode it came in."""

import pytest
import torch
from torch import nn

from tl_helpers.training import evaluate, fit, predict
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.evaluation import accuracy

LOSS = nn.CrossEntropyLoss()
X = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", device="cpu", precision="fp32", threads=1)


def _restless() -> nn.Module:
    """Dropout draws anew and batch-norm takes the batch's statistics, as long as it trains."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 3))
    return model.train()


@torch.no_grad()
def _at_rest(model: nn.Module) -> torch.Tensor:
    """What a copy of the model answers in eval mode."""
    twin = _restless()
    twin.load_state_dict(model.state_dict())
    return twin.eval()(X)


def test_predictions_of_a_model_in_train_mode_are_those_of_eval_mode(runtime):
    model = _restless()
    wanted = _at_rest(model)
    for _ in range(2):
        assert torch.allclose(predict(model, X, runtime, batch_size=7), wanted, atol=1e-6)
    assert all(part.training for part in model.modules())


def test_evaluation_of_a_model_in_train_mode_is_that_of_eval_mode(runtime):
    model = _restless()
    outputs = _at_rest(model)
    for _ in range(2):
        result = evaluate(model, (X, Y), loss_fn=LOSS, runtime=runtime, batch_size=7)
        assert result.loss == pytest.approx(LOSS(outputs, Y).item(), abs=1e-6)
        assert result.metric == accuracy(outputs, Y)


def test_looking_at_a_model_leaves_its_statistics_alone(runtime):
    model = _restless()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    predict(model, X, runtime)
    evaluate(model, (X, Y), loss_fn=LOSS, runtime=runtime)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_validation_during_training_is_that_of_eval_mode(runtime):
    model = _restless()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    history = fit(model, (X, Y), (X, Y), loss_fn=LOSS, optimizer=optimizer, epochs=1,
                  runtime=runtime, batch_size=8)  # fmt: skip
    outputs = _at_rest(model)
    assert history.epochs[0]["valid_loss"] == pytest.approx(LOSS(outputs, Y).item(), abs=1e-6)
    assert history.epochs[0]["valid_metric"] == accuracy(outputs, Y)


def test_loss_of_a_set_is_the_mean_over_examples_and_not_over_batches(runtime):
    model = _restless()
    uneven = evaluate(model, (X, Y), loss_fn=LOSS, runtime=runtime, batch_size=39)
    assert uneven.loss == pytest.approx(LOSS(_at_rest(model), Y).item(), abs=1e-6)


def test_accuracy_counts_the_largest_output():
    outputs = torch.tensor([[0.1, 0.9, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 5.0], [1.0, 3.0, 2.0]])
    assert accuracy(outputs, torch.tensor([1, 0, 2, 2])) == 0.75


def test_a_metric_gets_outputs_first_and_higher_is_better(runtime):
    def metric(outputs, y):
        assert outputs.shape == (40, 3)
        assert y.shape == (40,)
        return 0.25

    result = evaluate(_restless(), (X, Y), loss_fn=LOSS, runtime=runtime, metric=metric)
    assert result.metric == 0.25
