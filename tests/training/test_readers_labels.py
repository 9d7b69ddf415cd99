"""Labels, tables and weight files as people have them: read as meant, or named as what they are."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from tl_helpers.models.weights import CheckpointError, load_weights, save_weights
from tl_helpers.techniques import adapters
from tl_helpers.training import evaluate, fit
from tl_helpers.training import runtime as tl_runtime
from tl_helpers.training.inputs import as_inputs, as_targets

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()
LOSS = nn.CrossEntropyLoss()


@pytest.fixture(scope="module")
def runtime():
    return tl_runtime.start("smoke", precision="fp32", threads=1)


def _trained(runtime, x, y, outputs=2, loss_fn=LOSS):
    torch.manual_seed(0)
    model = nn.Linear(4, outputs)
    fit(model, (x, y), loss_fn=loss_fn, epochs=1, runtime=runtime,
        optimizer=torch.optim.SGD(model.parameters(), 0.1))  # fmt: skip
    return model.weight.detach()


ODD = [*range(1, 32), 0]  # an index in which no label stands at its own place
LABELS = {
    "bool": Y.bool(),
    "bool array": Y.bool().numpy(),
    "list of bool": Y.bool().tolist(),
    "Series with another index": pd.Series(Y.numpy(), index=ODD),
    "Series with names": pd.Series(Y.numpy(), index=[f"row {i}" for i in range(32)]),
    "Series of bool": pd.Series(Y.bool().numpy(), index=ODD),
    "nullable Series": pd.Series(Y.numpy(), index=ODD, dtype="Int64"),
    "nullable bool": pd.Series(Y.numpy(), index=ODD, dtype="boolean"),
    "small integers": Y.numpy().astype(np.int8),
    "other byte order": Y.numpy().astype(">i4"),
    "reversed twice": Y.numpy()[::-1].copy()[::-1],
    "list": Y.tolist(),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_mean_the_same_in_every_form_that_holds_them(runtime, name):
    assert torch.equal(as_targets(LABELS[name]), Y)
    assert torch.equal(_trained(runtime, X, LABELS[name]), _trained(runtime, X, Y))


def test_a_table_of_inputs_is_read_by_rows_whatever_its_index(runtime):
    table = pd.DataFrame(X.numpy(), index=ODD, columns=list("abcd"))
    assert torch.equal(as_inputs(table), X)
    column = pd.Series(Y.numpy(), index=ODD)
    assert torch.equal(_trained(runtime, table[1:], column[1:]), _trained(runtime, X[1:], Y[1:]))


NO_NUMBERS = {
    "Series of text": pd.Series(["cat", "dog"]),
    "categories": pd.Series(["a", "b"], dtype="category"),
    "list of text": ["cat", "dog"],
}


@pytest.mark.parametrize("y", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_labels_that_are_no_numbers_are_named_as_such(y):
    with pytest.raises(TypeError, match=r"y cannot be made a tensor.*expected whole-number labels"):
        as_targets(y)


def test_a_label_that_is_missing_is_named_with_its_place(runtime):
    y = pd.Series(Y.numpy(), dtype="Int64")
    y[5] = None
    with pytest.raises(ValueError, match="train: y holds NaN .* first in example 5"):
        _trained(runtime, X, y)


def test_a_table_with_text_is_named_as_such():
    with pytest.raises(TypeError, match="x cannot be made a tensor.*expected numbers, one row"):
        as_inputs(pd.DataFrame({"size": [1, 2], "name": ["a", "b"]}))


def test_whole_numbers_stored_as_floats_are_advised_to_become_labels(runtime):
    with pytest.raises(ValueError, match="If y holds class labels, make them whole numbers"):
        _trained(runtime, X, Y.float())
    with pytest.raises(ValueError, match="Reshape y, or squeeze the outputs"):
        evaluate(nn.Linear(4, 1), (X, X[:, 0]), loss_fn=nn.MSELoss(), runtime=runtime)


def test_bool_labels_of_a_loss_of_one_output_each_are_advised_to_become_float(runtime):
    for y in (Y.bool()[:, None], Y[:, None]):
        with pytest.raises(ValueError, match="make y float for regression.*BCEWithLogitsLoss"):
            _trained(runtime, X, y, 1, nn.BCEWithLogitsLoss())
    _trained(runtime, X, Y[:, None].float(), 1, nn.BCEWithLogitsLoss())


# --- weight files ----------------------------------------------------------------------------


def _network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2)))


def _inside(model: nn.Module) -> nn.Module:
    model[1] = torch.compile(model[1])
    return model


WRAPPED = {
    "compiled": torch.compile,
    "parallel": nn.DataParallel,
    "parallel and compiled": lambda m: torch.compile(nn.DataParallel(m)),
    "compiled inside": _inside,
}


@pytest.mark.parametrize("name", WRAPPED)
def test_weights_of_compiled_and_parallel_models_fit_plain_ones_and_back(tmp_path, name):
    wrap = WRAPPED[name]
    saved, plain = wrap(_network()), _network()
    load_weights(save_weights(tmp_path / "a", saved), plain)
    again = load_weights(save_weights(tmp_path / "b", plain), wrap(_network()))
    for one, other in zip(saved.state_dict().values(), plain.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(again.state_dict().values(), plain.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_adapters_of_a_compiled_network_fit_a_plain_one(tmp_path):
    saved, plain = _network(), _network()
    for model in (saved, plain):
        adapters.bias_only(model)
    nn.init.normal_(saved[0].bias)
    adapters.save(torch.compile(saved), tmp_path / "task.safetensors")
    adapters.load(plain, tmp_path / "task.safetensors")
    assert torch.equal(saved[0].bias, plain[0].bias)


def test_what_else_differs_in_a_wrapped_model_is_said_alone(tmp_path):
    path = save_weights(tmp_path / "w", torch.compile(_network()))
    larger = _network()
    larger[1][1] = nn.Linear(4, 7)
    with pytest.raises(CheckpointError, match=r"model: 1.1.weight is \(2, 4\) there and \(7, 4\)"):
        load_weights(path, larger)
    larger.append(nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match=r"2 tensors are missing \(2.weight, 2.bias\)"):
        load_weights(path, larger)


def test_a_model_whose_own_part_is_called_module_keeps_its_names(tmp_path):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.module, self.weight = nn.Linear(2, 2, bias=False), nn.Parameter(torch.randn(2, 2))

    saved, loaded = Own(), Own()
    load_weights(save_weights(tmp_path / "w", saved), loaded)
    assert torch.equal(loaded.module.weight, saved.module.weight)
    assert torch.equal(loaded.weight, saved.weight)


def test_a_compiled_run_is_continued_by_a_plain_model(runtime, tmp_path):
    found = []
    for epochs, wrap in ((2, nn.DataParallel), (3, lambda m: m)):
        torch.manual_seed(0)
        model = wrap(nn.Linear(4, 2))
        history = fit(model, (X, Y), (X, Y), loss_fn=LOSS, epochs=epochs, runtime=runtime,
                      optimizer=torch.optim.SGD(model.parameters(), 1e-9), checkpoint_dir=tmp_path,
                      resume=epochs > 2)  # fmt: skip
        found.append((history.best_epoch, history.steps))
    assert found == [(1, 2), (1, 3)]  # the best weights are those of the wrapped model


def test_a_file_of_torch_save_is_called_by_its_name(tmp_path):
    torch.save(_network().state_dict(), tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"is a file of torch.save.*weights_only=True"):
        load_weights(tmp_path / "model.pt", _network())
