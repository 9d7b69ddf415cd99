"""Networks as people build them: features follow behaviour, adapters reach names and buffers."""

import copy
import io
import os
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import peft
import pytest
import torch
from tiny_backbone import pictures, tiny_backbone
from torch import nn
from torch.nn.utils import parametrizations

from tl_helpers.models.backbones import load
from tl_helpers.models.behaviour import NoFingerprint, fingerprint
from tl_helpers.techniques import adapters, features, freezing
from tl_helpers.training import runtime as tl_runtime

SCALE = 1.0


@pytest.fixture
def runtime():
    return tl_runtime.start("smoke", device="cpu", precision="fp32", threads=1)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


# --- features --------------------------------------------------------------------------------


class _Scaled(nn.Module):
    """A part whose settings, unsaved buffer, method or global decide what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.settings, self.table = {"scale": 1.0}, [torch.ones(1)]
        self.register_buffer("unsaved", torch.ones(1), persistent=False)

    def forward(self, x):
        return x * self.settings["scale"] * self.table[0] * self.unsaved


class _Negative(_Scaled):
    def forward(self, x):
        return -super().forward(x)


def _with_lora(backbone):
    config = peft.LoraConfig(target_modules=["two.0"], r=2, init_lora_weights=False)
    backbone.module = peft.get_peft_model(backbone.module, config)
    return backbone.module.base_model.model.two[0]


def _built():
    torch.manual_seed(0)
    backbone = tiny_backbone()
    backbone.module.one.append(_Scaled())
    lora = _with_lora(backbone)
    return backbone, backbone.module.base_model.model, lora


def _hook(factor: float):
    return lambda module, inputs, output: output * factor


def _by_method(self, x):
    return _Scaled.forward(self, x) * 3


def _set(where, name, value):
    setattr(where, name, value)


CHANGES = {
    "activation": lambda b, net, lora: _set(net.one, "2", nn.GELU()),
    "stride": lambda b, net, lora: _set(net.one[0], "stride", (2, 2)),
    "dilation": lambda b, net, lora: _set(net.one[0], "dilation", (2, 2)),
    "epsilon": lambda b, net, lora: _set(net.one[1], "eps", 0.5),
    "scale of an adapter": lambda b, net, lora: lora.scaling.update(default=7.0),
    "adapter switched off": lambda b, net, lora: lora.enable_adapters(False),
    "hook": lambda b, net, lora: net.one.register_forward_hook(_hook(2.0)),
    "hook before": lambda b, net, lora: net.two.register_forward_pre_hook(lambda m, x: (x[0] * 2,)),
    "buffer that is not saved": lambda b, net, lora: net.one[3].unsaved.mul_(2),
    "tensor in a list": lambda b, net, lora: net.one[3].table[0].mul_(2),
    "setting in a dict": lambda b, net, lora: net.one[3].settings.update(scale=2.0),
    "class": lambda b, net, lora: _set(net.one[3], "__class__", _Negative),
    "forward of one part": lambda b, net, lora: _set(
        net.one[3], "forward", partial(_by_method, net.one[3])
    ),
    "parametrization": lambda b, net, lora: parametrizations.spectral_norm(net.one[0]),
    "preprocessing": lambda b, net, lora: _set(b, "preprocess", _seldom(b.preprocess, 2.0)),
}


def _seldom(usual, factor):
    """Other inputs for very bright pictures alone, of which a data set may have none at first."""
    return lambda x: usual(x) * (factor if x.float().mean() > 250 else 1.0)


@pytest.mark.parametrize("what", CHANGES)
def test_features_follow_a_change_of_behaviour_that_leaves_the_weights_alone(runtime, cache, what):
    backbone, net, lora = _built()
    examples = pictures(12)
    first = features.extract(backbone, examples, runtime).x
    CHANGES[what](backbone, net, lora)
    key = features.cache_key(backbone, examples, runtime, ["output"])
    with torch.inference_mode():
        true = backbone.module.eval()(backbone.preprocess(examples.x))
    assert torch.allclose(features.extract(backbone, examples, runtime).x, true, atol=1e-5)
    assert what == "preprocessing" or not torch.allclose(first, true, atol=1e-5)
    fresh, *_ = _built()
    assert key != features.cache_key(fresh, examples, runtime, ["output"])


def test_equal_networks_have_one_key_in_any_process_and_whether_they_train(runtime):
    backbone, *_ = _built()
    usual = features.cache_key(backbone, pictures(6), runtime, ["one"])
    backbone.module.train()
    freezing.freeze(backbone.stages["one"])
    backbone.module.to(memory_format=torch.channels_last)
    assert features.cache_key(backbone, pictures(6), runtime, ["one"]) == usual
    code = "import tiny_backbone as t, tl_helpers.models.behaviour as b; "
    code += "print(b.fingerprint(t.tiny_backbone().module))"
    folders = [str(Path(tiny_backbone.__code__.co_filename).parent), str(Path(__file__).parents[2])]
    told = set()
    for seed in ("1", "2"):
        place = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(folders)}
        call = [sys.executable, "-c", code]
        told.add(
            subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True, env=place).stdout
        )
    assert told == {fingerprint(tiny_backbone().module) + "\n"}


def test_a_stage_that_is_another_module_has_another_key(runtime):
    backbone, usual = tiny_backbone(), tiny_backbone()
    backbone.stages["one"] = backbone.module.one[0]
    keys = {features.cache_key(b, pictures(6), runtime, ["one"]) for b in (backbone, usual)}
    assert len(keys) == 2


def test_functions_are_told_apart_by_code_defaults_closures_and_globals(monkeypatch):
    def scaled(x, factor=1.0):
        return x * factor * SCALE

    def outer(n):
        return lambda x: [scaled(v) + n for v in x]

    found = [fingerprint(outer(1)), fingerprint(outer(2))]
    assert fingerprint(outer(1)) == found[0]
    monkeypatch.setattr(scaled, "__defaults__", (2.0,))
    found.append(fingerprint(outer(1)))
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.0)
    found.append(fingerprint(outer(1)))
    monkeypatch.setattr(scaled, "__code__", (lambda x, factor: x + factor * SCALE).__code__)
    found.append(fingerprint(outer(1)))
    assert len(set(found)) == 5


@pytest.mark.parametrize("held", [threading.Lock(), (n for n in range(3)), io.StringIO.__new__])
def test_what_cannot_be_read_is_not_cached_and_said(runtime, cache, held, tmp_path):
    backbone, examples = tiny_backbone(), pictures(6)
    backbone.module.one[0].held = open(tmp_path / "a", "w") if callable(held) else held  # noqa: SIM115
    with torch.inference_mode():
        true = backbone.module(backbone.preprocess(examples.x))
    for _ in range(2):
        with pytest.warns(UserWarning, match="Features of tiny are not cached: a .* is part of it"):
            found = features.extract(backbone, examples, runtime)
        assert torch.allclose(found.x, true, atol=1e-6)
    assert not list(cache.glob("*"))
    with pytest.raises(NoFingerprint):
        features.cache_key(backbone, examples, runtime, ["output"])


@pytest.mark.parametrize("name", ["efficientnet-lite0", "minilm-l6"])
def test_the_networks_of_the_course_can_be_read(name):
    one, other = (load(name) for _ in range(2))
    assert fingerprint(one.module, one.preprocess) == fingerprint(other.module, other.preprocess)


def test_a_stage_that_runs_twice_or_never_in_a_pass_is_refused(runtime, cache):
    backbone = tiny_backbone()
    shared = nn.ReLU()
    backbone.module.one.append(shared)
    backbone.module.two.append(shared)
    backbone.stages |= {"shared": shared, "off": nn.ReLU()}
    for stage, count in (("shared", 2), ("off", 0)):
        with pytest.raises(ValueError, match=f"'{stage}' gave {count} outputs in one pass"):
            features.extract_stages(backbone, pictures(6), runtime, [stage, "output"])


# --- adapters --------------------------------------------------------------------------------


def _encoder(layers: int = 2) -> nn.TransformerEncoder:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
    return nn.TransformerEncoder(layer, layers)


TOKENS = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(1))
PADDING = torch.tensor([[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 1, 1, 1]]).bool()


def _moved(module: nn.Module) -> None:
    for part in module.modules():
        if isinstance(part, adapters.Bottleneck):
            nn.init.normal_(part.up.weight)
            nn.init.normal_(part.up.bias)


@pytest.mark.parametrize("place", ["out_proj", "linear1", "linear2"])
@pytest.mark.parametrize("padding", [None, PADDING], ids=["whole", "padded"])
def test_bottlenecks_of_torchs_encoder_layers_work_alike_in_train_and_eval(place, padding):
    """In eval mode without gradients torch has a fused path, which knows of no addition."""
    encoder = _encoder()
    with torch.no_grad():
        bare = encoder.train()(TOKENS, src_key_padding_mask=padding)
    adapters.add_bottlenecks(encoder, [place], 4)
    real = slice(None) if padding is None else ~padding
    with torch.no_grad():
        begun = encoder.eval()(TOKENS, src_key_padding_mask=padding)
        torch.testing.assert_close(begun[real], bare[real], atol=1e-5, rtol=1e-5)
        _moved(encoder)
        trains = encoder.train()(TOKENS, src_key_padding_mask=padding)
        answers = encoder.eval()(TOKENS, src_key_padding_mask=padding)
    torch.testing.assert_close(answers[real], trains[real], atol=1e-5, rtol=1e-5)
    assert (answers[real] - bare[real]).abs().max() > 0.1
    encoder.train()(TOKENS).sum().backward()
    assert all(t.grad is not None for t in encoder.parameters() if t.requires_grad)


def test_a_bottleneck_behind_the_projection_of_attention_is_one_behind_attention():
    attention = nn.MultiheadAttention(16, 2, batch_first=True)
    bare, weights = attention(TOKENS, TOKENS, TOKENS)
    assert adapters.add_bottlenecks(attention, ["out_proj"], 4) == ["out_proj"]
    _moved(attention)
    found, same = attention(TOKENS, TOKENS, TOKENS)
    torch.testing.assert_close(found, attention.bottleneck(bare))
    torch.testing.assert_close(same, weights)


def test_a_layer_with_two_names_gets_one_bottleneck_that_both_use():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = self.second = nn.Linear(4, 4)

        def forward(self, x):
            return self.second(self.first(x))

    for ending in ("first", "second"):
        net = Tied()
        assert len(adapters.add_bottlenecks(net, [ending], 2)) == 1
        _moved(net)
        x = torch.randn(3, 4)
        once = net.first.bottleneck(nn.functional.linear(x, net.first.weight, net.first.bias))
        twice = net.second.bottleneck(nn.functional.linear(once, net.first.weight, net.first.bias))
        torch.testing.assert_close(net(x), twice)
        assert len(adapters.trained(net)) == 4


def test_a_layer_with_a_bottleneck_keeps_its_name_and_weights_and_can_be_copied(tmp_path):
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    before = copy.deepcopy(net.state_dict())
    adapters.add_bottlenecks(net, ["0"], 2)
    _moved(net)
    assert before.keys() <= net.state_dict().keys()
    x = torch.randn(3, 4)
    torch.save(net, tmp_path / "net.pt")
    for other in (copy.deepcopy(net), torch.load(tmp_path / "net.pt", weights_only=False)):
        assert torch.equal(other(x), net(x))
        nn.init.zeros_(other[0].bottleneck.up.weight)
        assert not torch.equal(other(x), net(x))
    with pytest.raises(ValueError, match="0 has a bottleneck already"):
        adapters.add_bottlenecks(net, ["0"], 2)


BIASED = {
    "attention": nn.MultiheadAttention(8, 2),
    "attention with added keys": nn.MultiheadAttention(8, 2, add_bias_kv=True),
    "encoder layer": nn.TransformerEncoderLayer(8, 2, 16),
    "recurrent": nn.LSTM(4, 8, 2, bidirectional=True),
    "convolution and norm": nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)),
}


@pytest.mark.parametrize("name", BIASED)
def test_bias_only_trains_every_bias_whatever_it_is_called_and_no_matrix(name):
    net = BIASED[name]
    names = adapters.bias_only(net)
    assert set(names) == {n for n, _ in net.named_parameters() if "bias" in n}
    assert set(names) == set(adapters.trained(net))


def test_a_table_of_biases_is_no_bias():
    class Windowed(nn.Module):
        def __init__(self):
            super().__init__()
            self.relative_position_bias_table = nn.Parameter(torch.zeros(9, 2))
            self.proj = nn.Linear(2, 2)

    assert adapters.bias_only(Windowed()) == ["proj.bias"]


class _Averages(nn.Module):
    """Keeps a running mean that no state dict holds."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4), persistent=False)

    def forward(self, x):
        if self.training:
            self.mean.lerp_(x.detach().mean(0), 0.1)
        return x - self.mean


NORMS = {
    "batch-norm": lambda: nn.BatchNorm1d(4),
    "cumulative batch-norm": lambda: nn.BatchNorm1d(4, momentum=None),
    "own average": _Averages,
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(4, 4)),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_saved_task_answers_the_same_with_every_buffer_that_training_moved(name, tmp_path):
    def network():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 4), NORMS[name](), nn.Linear(4, 2))
        adapters.bias_only(net)
        return net

    saved, loaded, x = network(), network(), torch.randn(9, 4)
    for _ in range(3):
        saved(5 + 3 * torch.randn(8, 4))
    assert name == "spectral norm" or not torch.allclose(saved.eval()(x), loaded.eval()(x))
    adapters.save(saved.train(), tmp_path / "task.safetensors")
    adapters.load(loaded, tmp_path / "task.safetensors")
    assert torch.equal(saved.eval()(x), loaded.eval()(x))
    for one, other in zip(saved.buffers(), loaded.buffers(), strict=True):
        assert torch.equal(one, other)


def test_statistics_that_are_frozen_stay_out_of_the_file(tmp_path):
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    adapters.bias_only(net)
    whole = adapters.save(net, tmp_path / "a.safetensors")
    freezing.freeze(net[1])
    assert adapters.save(net, tmp_path / "b.safetensors") < whole
    with pytest.raises(ValueError, match="differ in .* expected a network with the same method"):
        adapters.load(net, tmp_path / "a.safetensors")
