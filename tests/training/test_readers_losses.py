"""Batches put together train as one large batch, also where a loss is no mean over examples."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from tl_helpers.training import fit, train_one_epoch
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.loss_weights import measure

WEIGHT = torch.tensor([1.0, 20.0, 0.0])
X = torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(24) % 3
SOME = torch.where(torch.arange(24) < 7, -100, Y)  # the first batches hold ignored labels alone
NO_MEAN = {
    "RMSE": lambda o, y: functional.mse_loss(o, y).sqrt(),
    "covariance": lambda o, y: -((o - o.mean(0)) * (y - y.mean(0))).mean(),
    "weights from targets": lambda o, y: (y.abs() * (o - y) ** 2).sum() / y.abs().sum(),
}
MEANS = {
    "class weights": (nn.CrossEntropyLoss(weight=WEIGHT), Y),
    "class weights, smoothed": (nn.CrossEntropyLoss(weight=WEIGHT + 1, label_smoothing=0.1), Y),
    "class weights in a partial": (partial(functional.cross_entropy, weight=WEIGHT), Y),
    "class weights in a function": (lambda o, y: functional.nll_loss(o, y, weight=WEIGHT), Y),
    "ignored labels": (nn.CrossEntropyLoss(), SOME),
    "an ignored class": (nn.CrossEntropyLoss(ignore_index=1), Y),
    "weights and ignored labels": (nn.CrossEntropyLoss(weight=WEIGHT), SOME),
    "sum": (nn.CrossEntropyLoss(reduction="sum"), Y),
    "sum of some": (nn.CrossEntropyLoss(weight=WEIGHT, reduction="sum"), SOME),
    "margin": (nn.MultiMarginLoss(), Y),
    "regression": (nn.MSELoss(), X[:, :3] * 2),
    "sum of squares": (nn.MSELoss(reduction="sum"), X[:, :3] * 2),
    "several labels at once": (nn.BCEWithLogitsLoss(pos_weight=WEIGHT), (X[:, :3] > 0).float()),
}


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", precision="fp32", threads=1)


def _weights_after(runtime, loss_fn, y, size, accumulate, zero=False, **options):
    torch.manual_seed(3)
    model = nn.Linear(4, 3)
    if zero:
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
    loader = DataLoader(TensorDataset(X, y), size)
    history = fit(model, loader, loss_fn=loss_fn, epochs=1, runtime=runtime, accumulate=accumulate,
                  optimizer=torch.optim.SGD(model.parameters(), 0.1), **options)  # fmt: skip
    return model.weight.detach(), history


@pytest.mark.parametrize("name", MEANS)
@pytest.mark.parametrize("size", [3, 5], ids=["even", "odd tail"])
def test_accumulated_batches_train_as_the_large_one_by_whatever_the_loss_divides(
    runtime, name, size
):
    loss_fn, y = MEANS[name]
    large, _ = _weights_after(runtime, loss_fn, y, 24, 1)
    small, history = _weights_after(runtime, loss_fn, y, size, 8)
    assert history.steps == 1
    torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-5)


def test_weights_are_found_where_all_losses_are_still_equal(runtime):
    """A head that starts at zero gives every label the same loss."""
    loss_fn = nn.CrossEntropyLoss(weight=WEIGHT)
    large, _ = _weights_after(runtime, loss_fn, Y, 24, 1, zero=True)
    small, _ = _weights_after(runtime, loss_fn, Y, 3, 8, zero=True)
    torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-5)


def test_the_comparison_sees_batches_that_count_alike(runtime):
    loss_fn = nn.CrossEntropyLoss(weight=WEIGHT)
    plain, _ = _weights_after(runtime, nn.CrossEntropyLoss(), Y, 24, 1)
    weighted, _ = _weights_after(runtime, loss_fn, Y, 24, 1)
    assert (plain - weighted).abs().max() > 1e-3


def test_pixels_are_counted_where_labels_are_maps(runtime):
    x = torch.randn(4, 2, 3, 3)
    y = torch.randint(0, 3, (4, 3, 3))
    y[0, :2] = 255
    found = []
    for size, accumulate in ((4, 1), (1, 4)):
        torch.manual_seed(0)
        model = nn.Conv2d(2, 3, 1)
        fit(model, DataLoader(TensorDataset(x, y), size), epochs=1, runtime=runtime,
            loss_fn=nn.CrossEntropyLoss(weight=WEIGHT, ignore_index=255), accumulate=accumulate,
            optimizer=torch.optim.SGD(model.parameters(), 0.1))  # fmt: skip
        found.append(model.weight.detach())
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def test_a_batch_of_ignored_labels_leaves_no_trace_in_the_loss(runtime):
    _, history = _weights_after(runtime, nn.CrossEntropyLoss(), SOME, 3, 8)
    torch.manual_seed(3)
    model = nn.Linear(4, 3)
    wanted = [functional.cross_entropy(model(x), y) for x, y in
              zip(X.split(3)[2:], SOME.split(3)[2:], strict=True)]  # fmt: skip
    assert history.epochs[0]["train_loss"] == pytest.approx(sum(wanted).item() / 6, abs=1e-6)


@pytest.mark.parametrize("name", NO_MEAN)
def test_a_loss_that_is_no_mean_of_its_examples_cannot_be_accumulated_and_says_so(runtime, name):
    y, model = X[:, :3] * 2 + 0.5, nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = model.weight.detach().clone()
    options = {"loss_fn": NO_MEAN[name], "optimizer": optimizer, "runtime": runtime}
    with pytest.raises(ValueError, match=r"train otherwise than one large batch.*accumulate=1"):
        fit(model, (X, y), epochs=1, accumulate=2, batch_size=8, **options)
    assert torch.equal(model.weight, before)
    fit(model, (X, y), epochs=1, **options)  # alone it is as good as any
    with pytest.raises(ValueError, match="train otherwise than one large batch"):
        train_one_epoch(model, (X, y), accumulate=2, batch_size=8, **options)


def test_an_example_of_no_weight_that_yet_pulls_is_refused(runtime):
    """Smoothing gives it a gradient, and alone its loss is divided by zero."""
    loss_fn = nn.CrossEntropyLoss(weight=WEIGHT, label_smoothing=0.1)
    with pytest.raises(ValueError, match="another gradient in a batch than alone"):
        _weights_after(runtime, loss_fn, Y, 3, 8)


def test_labels_that_count_unequally_are_not_blended_and_accumulated(runtime):
    with pytest.raises(ValueError, match="mixup blends two labels"):
        _weights_after(runtime, nn.CrossEntropyLoss(weight=WEIGHT), Y, 3, 8, mixup=0.3)


def test_a_step_in_which_no_label_counts_is_named(runtime):
    with pytest.raises(ValueError, match="No label counts in the loss of optimizer step 1"):
        _weights_after(runtime, nn.CrossEntropyLoss(), SOME, 3, 2)


def test_measured_weights_are_those_that_the_loss_was_given():
    found = measure(nn.CrossEntropyLoss(weight=WEIGHT), torch.randn(5, 3), Y[:5])
    torch.testing.assert_close(found.by_label, WEIGHT, rtol=1e-4, atol=0)
    many = measure(nn.CrossEntropyLoss(), torch.randn(5, 3000), Y[:5])
    assert (many.by_label, many.ignored) == (None, -100)
    heavy = nn.CrossEntropyLoss(weight=torch.linspace(1, 2, 3000))
    with pytest.raises(ValueError, match="over 1000 labels, and they count unequally"):
        measure(heavy, torch.randn(5, 3000), Y[:5])
