"""Loaders are taken by what they yield: order, completeness, streams, and batches of one."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from tl_helpers.techniques import freezing
from tl_helpers.training import evaluate, fit, predict, train_one_epoch
from tl_helpers.training import runtime as tl_runtime

X = torch.arange(33.0)[:, None] / 33
Y = (torch.arange(33) % 2).long()
ROWS = TensorDataset(X)
PAIRS = TensorDataset(X, Y)


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", precision="fp32", threads=1)


def _model(*between: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 4), *between, nn.Linear(4, 2))


def _fit(runtime, train, model=None, valid=None, **options):
    model = _model() if model is None else model
    options = {"epochs": 2, "batch_size": 16, **options}
    history = fit(model, train, valid, loss_fn=nn.functional.cross_entropy, runtime=runtime,
                  optimizer=torch.optim.SGD(model.parameters(), 0.1), **options)  # fmt: skip
    return model, history


class _Backwards(Sampler):
    def __len__(self):
        return 33

    def __iter__(self):
        return iter(range(32, -1, -1))


# --- order and completeness ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 8, "shuffle": True}, "shuffles"),
        ({"batch_size": 8, "sampler": SubsetRandomSampler(range(33))}, "shuffles"),
        ({"batch_size": 8, "sampler": _Backwards()}, "shuffles"),
        ({"batch_sampler": BatchSampler(RandomSampler(ROWS), 8, False)}, "shuffles"),
        ({"batch_sampler": [[1, 0], list(range(2, 33))]}, "shuffles"),
        ({"batch_size": 8, "sampler": WeightedRandomSampler(torch.ones(33), 33)}, "leaves out"),
        ({"batch_size": 8, "drop_last": True}, "leaves out 1 of 33"),
        ({"batch_size": 8, "sampler": SequentialSampler(range(20))}, "leaves out 13 of 33"),
        ({"batch_sampler": [[*range(33)], [4, 5]]}, "gives 2 examples more than once"),
    ],
)
def test_predictions_of_a_loader_in_another_order_or_number_are_refused(runtime, options, said):
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=f"keeps the order of the data and this DataLoader {said}"):
        predict(nn.Identity(), DataLoader(ROWS, **options), runtime)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 8},
        {"batch_size": 11, "drop_last": True},
        {"batch_sampler": BatchSampler(SequentialSampler(ROWS), 8, False)},
        {"batch_sampler": [[0, 1], list(range(2, 33))]},
    ],
)
def test_predictions_come_in_the_order_of_the_data_from_any_loader_that_keeps_it(runtime, options):
    assert torch.equal(predict(nn.Identity(), DataLoader(ROWS, **options), runtime), X)
    part = predict(nn.Identity(), DataLoader(Subset(ROWS, [3, 1]), 8), runtime)
    assert torch.equal(part, X[[3, 1]])


def test_evaluation_leaves_out_nothing_of_what_it_was_given(runtime):
    model, loss = _model(), {"loss_fn": nn.functional.cross_entropy, "runtime": runtime}
    sampled = BatchSampler(SequentialSampler(PAIRS), 8, drop_last=True)
    for loader in (DataLoader(PAIRS, 8, drop_last=True), DataLoader(PAIRS, batch_sampler=sampled)):
        with pytest.raises(ValueError, match="drops 1 of 33 examples.*Expected drop_last=False"):
            evaluate(model, loader, **loss)
        with pytest.raises(ValueError, match="valid: the DataLoader drops 1 of 33"):
            _fit(runtime, (X, Y), valid=loader)
        assert _fit(runtime, loader)[1].steps == 8  # for training it is usual
    half = DataLoader(PAIRS, 8, sampler=SubsetRandomSampler(range(0, 33, 2)))
    assert evaluate(model, half, **loss).loss == pytest.approx(
        evaluate(model, (X[::2], Y[::2]), **loss).loss, abs=1e-6
    )


def test_a_sampler_that_names_no_example_is_an_empty_set(runtime):
    with pytest.raises(ValueError, match="train is empty"):
        _fit(runtime, DataLoader(PAIRS, 8, sampler=SubsetRandomSampler([])))


@pytest.mark.parametrize(
    "options",
    [
        {"batch_sampler": ([i, i + 1] for i in range(0, 32, 2))},
        {"batch_size": 8, "sampler": iter(range(33))},
    ],
)
def test_a_sampler_that_is_read_once_is_refused_before_training(runtime, options):
    with pytest.raises(ValueError, match="cannot tell how many batches.*list in place of a gener"):
        _fit(runtime, DataLoader(PAIRS, **options))


# --- streams ---------------------------------------------------------------------------------


class _Stream(IterableDataset):
    def __iter__(self):
        return iter(PAIRS)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_Stream(), "streams its dataset"),
        (DataLoader(_Stream(), 16), "streams its dataset"),
        (DataLoader(PAIRS, batch_size=None), "leaves batches to its dataset"),
    ],
)
def test_data_whose_batches_nobody_knows_is_refused_before_anything_is_read(runtime, data, said):
    model = _model()
    before = model[0].weight.detach().clone()
    options = {"loss_fn": nn.functional.cross_entropy, "runtime": runtime}
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for action in (
        lambda: _fit(runtime, data, model),
        lambda: _fit(runtime, (X, Y), model, valid=data),
        lambda: train_one_epoch(model, data, optimizer=optimizer, **options),
        lambda: evaluate(model, data, **options),
        lambda: predict(model, data, runtime),
    ):
        with pytest.raises(ValueError, match=rf"{said}.*becomes one by list\(dataset\)"):
            action()
    assert torch.equal(model[0].weight, before)


def test_a_stream_made_a_list_is_data_as_any_other(runtime):
    loader = DataLoader(list(_Stream()), 16)
    assert _fit(runtime, loader)[1].steps == 6
    assert torch.equal(predict(nn.Identity(), loader, runtime), X)


# --- batches of one --------------------------------------------------------------------------


class _Rows(Dataset):
    def __len__(self):
        return 33

    def __getitem__(self, index):
        return PAIRS[index]


def test_a_last_batch_of_one_joins_the_one_before_where_batch_norm_needs_two(runtime):
    sizes = []
    model = _model(nn.BatchNorm1d(4))
    _, history = _fit(runtime, (X, Y), model, augment=lambda x: (sizes.append(len(x)), x)[1])
    assert sizes == [16, 17] * 2
    assert history.steps == 4
    assert model[1].num_batches_tracked == 4  # the look before training left no trace


def test_a_joined_last_batch_continues_bit_for_bit(runtime, tmp_path):
    options = {"checkpoint_dir": tmp_path, "checkpoint_every": 1}
    _fit(runtime, (X, Y), _model(nn.BatchNorm1d(4)), epochs=1, **options)
    continued, _ = _fit(runtime, (X, Y), _model(nn.BatchNorm1d(4)), resume=True, **options)
    whole, _ = _fit(runtime, (X, Y), _model(nn.BatchNorm1d(4)))
    assert all(
        torch.equal(a, b)
        for a, b in zip(continued.state_dict().values(), whole.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    "train",
    [
        DataLoader(PAIRS, 16),
        DataLoader(PAIRS, batch_sampler=[[*range(16)], [*range(16, 32)], [32]]),
        _Rows(),
        (X[:1], Y[:1]),
    ],
    ids=["loader", "batch sampler", "dataset", "one example"],
)
def test_a_batch_of_one_that_cannot_be_joined_is_refused_before_training(runtime, train):
    model = _model(nn.BatchNorm1d(4))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="train has a batch of one example.*batch-norm needs two"):
        _fit(runtime, train, model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    options = {"loss_fn": nn.functional.cross_entropy, "runtime": runtime, "batch_size": 16}
    with pytest.raises(ValueError, match="train has a batch of one example"):
        train_one_epoch(model, train, optimizer=torch.optim.SGD(model.parameters(), 0.1), **options)


def test_the_advised_batch_size_works(runtime):
    with pytest.raises(ValueError, match="another batch_size, such as 15, drop_last"):
        _fit(runtime, _Rows(), _model(nn.BatchNorm1d(4)))
    assert _fit(runtime, _Rows(), _model(nn.BatchNorm1d(4)), batch_size=15)[1].steps == 6


class _OwnNorm(nn.Module):
    """No class of torch's, and yet it needs a batch of two."""

    def forward(self, x):
        return nn.functional.batch_norm(x, None, None, training=True) if self.training else x


def test_models_are_asked_and_not_their_classes(runtime):
    assert _fit(runtime, (X, Y), _model(_OwnNorm()), epochs=1)[1].steps == 2
    frozen = _model(nn.BatchNorm1d(4))
    freezing.freeze(frozen[1])
    assert _fit(runtime, (X, Y), frozen, epochs=1)[1].steps == 3  # it takes one example
    maps = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1),
                         nn.Flatten())  # fmt: skip
    pictures = X[:, :, None, None].expand(-1, -1, 2, 2).contiguous()
    assert _fit(runtime, (pictures, Y), maps, epochs=1)[1].steps == 3  # four pixels are enough


def test_arrays_in_any_layout_are_read_as_they_are(runtime):
    wide = np.arange(66.0).reshape(33, 2)
    for x in (wide[:, ::-1], wide[::-1], np.asfortranarray(wide), wide.astype(">f4")):
        x.setflags(write=False)
        found = predict(nn.Identity(), x, runtime)
        assert np.array_equal(found.numpy(), x.astype(np.float32))
