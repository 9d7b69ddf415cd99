"""Adapters start as nothing, train alone, and are all that is saved of a task."""

import copy

import peft
import pytest
import torch
from safetensors import safe_open
from torch import nn
from transformers import BertConfig, BertModel

from tl_helpers.techniques import adapters

AFTER = ["attention.output.dense", "output.dense"]  # both places of Houlsby et al. 2019
TOKENS = {
    "input_ids": torch.tensor([[1, 2, 3, 4], [5, 6, 7, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]),
}


class Network(nn.Module):
    """A BERT of two tiny layers with a head."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        size = {"hidden_size": 16, "intermediate_size": 24, "max_position_embeddings": 8}
        config = BertConfig(vocab_size=20, num_hidden_layers=2, num_attention_heads=2, **size)
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(16, 2)

    def forward(self, tokens: dict) -> torch.Tensor:
        return self.head(self.encoder(**tokens).last_hidden_state.mean(1))


def _bottlenecks(width: int = 3) -> Network:
    model = Network()
    adapters.add_bottlenecks(model.encoder, AFTER, width)
    return model


def _bias_only() -> Network:
    model = Network()
    adapters.bias_only(model.encoder)
    return model


def _lora() -> nn.Module:
    config = peft.LoraConfig(target_modules=["query", "value"], r=2, modules_to_save=["head"])
    return peft.get_peft_model(Network(), config)


METHODS = {"bottleneck": _bottlenecks, "bias only": _bias_only, "LoRA": _lora}


@torch.no_grad()
def _answers(model: nn.Module) -> torch.Tensor:
    return model.eval()(TOKENS)


def _trained_for_a_while(model: nn.Module) -> nn.Module:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(TOKENS), torch.tensor([0, 1])).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("method", METHODS)
def test_network_with_untrained_additions_answers_as_before(method):
    assert torch.equal(_answers(METHODS[method]()), _answers(Network()))


def test_bottleneck_computes_the_published_formula():
    torch.manual_seed(0)
    adapter, x = adapters.Bottleneck(6, 2), torch.randn(4, 5, 6)
    nn.init.normal_(adapter.up.weight)
    nn.init.normal_(adapter.up.bias)
    middle = nn.functional.gelu(x @ adapter.down.weight.T + adapter.down.bias)
    expected = x + middle @ adapter.up.weight.T + adapter.up.bias
    torch.testing.assert_close(adapter(x), expected)


def test_bottlenecks_are_two_a_layer_and_of_the_promised_size():
    model = Network()
    names = adapters.add_bottlenecks(model.encoder, AFTER, 3)
    assert len(names) == 4
    counted = sum(tensor.numel() for tensor in adapters.trained(model.encoder).values())
    assert counted == 4 * (2 * 16 * 3 + 16 + 3)


def test_bottleneck_has_the_type_of_its_layer():
    model = Network().double()
    adapters.add_bottlenecks(model.encoder, AFTER, 3)
    assert {p.dtype for p in model.parameters()} == {torch.float64}


@pytest.mark.parametrize("method", METHODS)
def test_training_moves_all_that_trains_and_nothing_else(method):
    model = METHODS[method]()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    _trained_for_a_while(model)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    # A bias on keys adds one number to all scores of a query, which softmax does not notice.
    assert moved >= {name for name in adapters.trained(model) if "key.bias" not in name}
    assert moved <= set(adapters.trained(model))


def test_bias_only_trains_every_bias_of_the_encoder():
    model = Network()
    names = adapters.bias_only(model.encoder)
    assert set(adapters.trained(model.encoder)) == set(names)
    assert all(name.endswith("bias") for name in names)
    assert len(names) == sum(name.endswith("bias") for name, _ in model.encoder.named_parameters())


@pytest.mark.parametrize("method", METHODS)
def test_saved_task_put_into_a_fresh_network_answers_the_same(method, tmp_path):
    trained = _trained_for_a_while(METHODS[method]())
    adapters.save(trained, tmp_path / "task.safetensors")
    fresh = METHODS[method]()
    assert not torch.equal(_answers(fresh), _answers(trained))
    adapters.load(fresh, tmp_path / "task.safetensors")
    assert torch.equal(_answers(fresh), _answers(trained))


def test_file_holds_what_trains_alone_and_its_size_is_told(tmp_path):
    model, path = _bottlenecks(), tmp_path / "task.safetensors"
    assert adapters.save(model, path) == path.stat().st_size
    with safe_open(path, "pt") as file:
        assert set(file.keys()) == set(adapters.trained(model))
    assert not any("word_embeddings" in name for name in adapters.trained(model))


@pytest.mark.parametrize(
    ("other", "reason"),
    [(lambda: _bottlenecks(width=5), "in the network; was its rank"), (_bias_only, "differ in")],
)
def test_file_of_another_shape_or_method_is_refused_and_changes_nothing(other, reason, tmp_path):
    path, model = tmp_path / "task.safetensors", other()
    adapters.save(_trained_for_a_while(_bottlenecks()), path)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=reason):
        adapters.load(model, path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("ending", ["ense", "no_such_layer", "LayerNorm", ""])
def test_name_that_ends_no_linear_layer_is_refused(ending):
    with pytest.raises(ValueError, match="No linear layer is called"):
        adapters.add_bottlenecks(Network().encoder, [ending], 3)


def test_width_without_features_is_refused():
    with pytest.raises(ValueError, match="width is 0"):
        adapters.add_bottlenecks(Network().encoder, AFTER, 0)


def test_network_in_which_nothing_trains_has_nothing_to_save(tmp_path):
    with pytest.raises(ValueError, match="Nothing in this network trains"):
        adapters.save(Network().requires_grad_(False), tmp_path / "task.safetensors")


def test_network_without_biases_is_refused():
    with pytest.raises(ValueError, match="No parameter is called 'bias'"):
        adapters.bias_only(nn.Linear(3, 3, bias=False))


@pytest.mark.parametrize("more", ["in the file", "in the network"])
def test_file_with_a_tensor_more_or_less_is_refused_and_nothing_changes(tmp_path, more):
    saved, model = _bottlenecks(), _bottlenecks()
    extra = saved if more == "in the file" else model
    extra.extra = nn.Linear(2, 2)
    adapters.save(saved, tmp_path / "task.safetensors")
    before = {name: value.clone() for name, value in adapters.trained(model).items()}
    with pytest.raises(ValueError, match="differ in 2 tensors, such as 'extra"):
        adapters.load(model, tmp_path / "task.safetensors")
    assert all(torch.equal(before[name], value) for name, value in adapters.trained(model).items())
