"""Frozen features: equal to a plain forward, kept on disk under all that decides them."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_backbone import pictures, tiny_backbone

from tl_helpers.datasets import Examples
from tl_helpers.models.backbones import load
from tl_helpers.techniques import feature_passes, features, freezing
from tl_helpers.training import runtime as tl_runtime


@pytest.fixture
def runtime():
    return tl_runtime.start("smoke", device="cpu", precision="fp32")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture(scope="module")
def minilm():
    return load("minilm-l6")


OWN = torch.Generator()
TEXTS = ["A much longer text that needs padding around it, twice or so.", "Short.", "A text."] * 3


def _texts(texts=TEXTS) -> Examples:
    ids = [f"text {i}" for i in range(len(texts))]
    return Examples(list(texts), torch.zeros(len(texts), dtype=torch.long), ids, ids, ["only"])


def _never(*_):
    raise AssertionError("the network ran")


def _written(cache: Path) -> Path:
    return next(cache.glob("*/features.safetensors"))


@torch.inference_mode()
def _plain(backbone, examples) -> torch.Tensor:
    return backbone.module(backbone.preprocess(examples.x))


def test_features_equal_a_plain_forward(runtime, cache):
    backbone, examples = tiny_backbone(), pictures(10)
    found = features.extract(backbone, examples, runtime, batch_size=4)
    assert torch.allclose(found.x, _plain(backbone, examples), atol=1e-6)
    assert (found.x.dtype, found.y.dtype, len(found)) == (torch.float32, torch.int64, 10)
    assert torch.equal(found.y, examples.y)
    assert found.ids == examples.ids


@pytest.mark.parametrize(
    ("side", "sizes"), [(64, [40]), (96, [32, 8]), (224, [16, 16, 8]), (640, [16, 16, 8])]
)
def test_a_processor_takes_large_pictures_sixteen_at_a_time(runtime, side, sizes):
    backbone = replace(tiny_backbone(), preprocess=lambda raw: torch.ones(len(raw), 1, side, side))
    found = list(feature_passes._batches(backbone, pictures(40), runtime, 64))
    assert [len(each) for each in found] == sizes


def test_features_can_be_trained_on(runtime, cache):
    found = features.extract(tiny_backbone(), pictures(4), runtime)
    head = torch.nn.Linear(6, 2)
    head(found.x).sum().backward()  # tensors of inference mode would refuse
    assert head.weight.grad is not None


def test_stages_are_averaged_over_positions_in_one_pass(runtime, cache):
    backbone, examples, runs = tiny_backbone(), pictures(6), []
    backbone.module.register_forward_hook(lambda *_: runs.append(1))
    found = features.extract_stages(backbone, examples, runtime, ["one", "two", "output"])
    assert len(runs) == 1
    with torch.inference_mode():
        expected = backbone.module.one(backbone.preprocess(examples.x)).mean((2, 3))
    assert torch.allclose(found["one"].x, expected, atol=1e-6)
    assert torch.allclose(found["two"].x, found["output"].x, atol=1e-6)


def test_texts_keep_their_order_whatever_their_length(runtime, cache, minilm):
    found = features.extract(minilm, _texts(), runtime, batch_size=4)
    alone = torch.cat([_plain(minilm, _texts([text])) for text in TEXTS])
    assert torch.allclose(found.x, alone, atol=1e-5)


def test_padding_does_not_change_the_features_of_a_text(runtime, cache, minilm):
    together = features.extract_stages(minilm, _texts(), runtime, ["layer 2", "output"])
    alone = features.extract_stages(minilm, _texts(["Short."]), runtime, ["layer 2", "output"])
    for stage in alone:
        assert torch.allclose(together[stage].x[1], alone[stage].x[0], atol=1e-5)


def test_a_second_call_does_not_run_the_network(runtime, cache, monkeypatch):
    backbone, examples = tiny_backbone(), pictures(10)
    first = features.extract(backbone, examples, runtime)
    monkeypatch.setattr(features, "features_after", _never)
    assert torch.equal(features.extract(backbone, examples, runtime).x, first.x)
    features.clear_cache()
    with pytest.raises(AssertionError, match="the network ran"):
        features.extract(backbone, examples, runtime)


def _changed(what: str):
    """Arguments of `extract_stages` that differ from the usual ones in one thing."""
    backbone, examples, precision, stages = tiny_backbone(), pictures(6), "fp32", ["output"]
    if what == "weights":
        backbone.module.two[0].bias.data[0] += 1e-3
    elif what == "buffers":
        backbone.module.one[1].running_mean[0] += 1e-3
    elif what == "size":
        backbone.preprocess.size = 9
    elif what == "function":
        usual = backbone.preprocess
        backbone.preprocess = lambda x: usual(x) * 0.5
    elif what == "pixel":
        examples.x[5, 0, 0, 0] ^= 1
    elif what == "precision":
        precision = "bf16"
    elif what == "stage":
        stages = ["one"]
    return backbone, examples, tl_runtime.start("smoke", device="cpu", precision=precision), stages


@pytest.mark.parametrize(
    "what", ["weights", "buffers", "size", "function", "pixel", "precision", "stage"]
)
def test_anything_that_decides_the_features_changes_the_key(what):
    usual = features.cache_key(*_changed("nothing"))
    assert features.cache_key(*_changed("nothing")) == usual
    assert features.cache_key(*_changed(what)) != usual


def test_two_transforms_at_one_address_in_turn_have_two_keys(runtime):
    """A function prints as its address, which a later one can have in another process."""

    class Times:
        def __init__(self, factor):
            self.factor = factor

        def __repr__(self):
            return "<function at 0x7f00>"

        def __call__(self, x):
            return x.float().repeat(1, 3, 1, 1) * self.factor

    backbone, keys = tiny_backbone(), set()
    for factor in (1.0, 2.0):
        backbone.preprocess = Times(factor)
        keys.add(features.cache_key(backbone, pictures(6), runtime, ["output"]))
    assert len(keys) == 2


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: x + torch.rand(()),
        lambda x: x.flip(-1) if torch.rand(()) < 1e-9 else x,  # seldom, yet random
        lambda x: x.flip(-1) if random.random() < 1e-9 else x,
        lambda x: x + torch.rand((), generator=OWN),
    ],
    ids=["always", "seldom", "seldom, of Python", "own generator"],
)
def test_a_random_transform_is_refused(runtime, cache, draw):
    backbone = tiny_backbone()
    usual = backbone.preprocess
    backbone.preprocess = lambda x: draw(usual(x))
    with pytest.raises(ValueError, match=r"draws random numbers.*expected a deterministic"):
        features.extract(backbone, pictures(6), runtime)
    assert not list(cache.glob("*/*.safetensors"))


def test_features_that_are_not_finite_are_refused_and_not_kept(runtime, cache):
    backbone = tiny_backbone()
    backbone.module.two[0].bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="Features after 'output' hold NaN"):
        features.extract(backbone, pictures(6), runtime)
    assert not list(cache.glob("*/*.safetensors"))


def test_an_empty_set_and_an_unknown_stage_are_refused(runtime, cache):
    with pytest.raises(ValueError, match="empty; expected at least one"):
        features.extract(tiny_backbone(), pictures(0), runtime)
    with pytest.raises(ValueError, match=r"'three'. Known: \['one', 'two', 'output'\]"):
        features.extract_stages(tiny_backbone(), pictures(2), runtime, ["three"])


def test_a_module_in_train_mode_gives_eval_features_and_keeps_its_statistics(runtime, cache):
    backbone, examples = tiny_backbone(), pictures(10)
    expected = _plain(backbone, examples)
    backbone.module.train()
    before = {key: value.clone() for key, value in backbone.module.state_dict().items()}
    assert torch.allclose(features.extract(backbone, examples, runtime).x, expected, atol=1e-6)
    after = backbone.module.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(part.training for part in backbone.module.modules())


def test_each_part_of_the_module_keeps_its_own_mode(runtime, cache):
    backbone = tiny_backbone()
    backbone.module.train()
    backbone.module.one[1].eval()
    freezing.freeze(backbone.module.two)
    modes = {name: part.training for name, part in backbone.module.named_modules()}
    hooks = len(backbone.module.one._forward_hooks)
    features.extract_stages(backbone, pictures(10), runtime, ["one", "output"], batch_size=2)
    assert {name: part.training for name, part in backbone.module.named_modules()} == modes
    assert modes[""] and not modes["two"]
    assert len(backbone.module.one._forward_hooks) == hooks


def _flip_a_byte(content: bytes) -> bytes:
    return content[:-2] + bytes([content[-2] ^ 0x10]) + content[-1:]


@pytest.mark.parametrize(
    "damage", [_flip_a_byte, lambda c: c[:-7], lambda c: b"", lambda c: b"\0" * len(c)]
)
def test_a_damaged_cache_file_is_set_aside_and_computed_again(
    runtime, cache, capsys, damage, monkeypatch
):
    backbone, examples = tiny_backbone(), pictures(10)
    first = features.extract(backbone, examples, runtime)
    path = _written(cache)
    path.write_bytes(damage(path.read_bytes()))
    assert torch.equal(features.extract(backbone, examples, runtime).x, first.x)
    assert "were damaged" in capsys.readouterr().out
    monkeypatch.setattr(features, "features_after", _never)  # and the new file is whole
    assert torch.equal(features.extract(backbone, examples, runtime).x, first.x)


def _extraction(chunks: int, out: Path) -> subprocess.Popen:
    script = Path(__file__).parents[1] / "support" / "killed_extraction.py"
    command = [sys.executable, str(script), str(chunks), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_extraction_continues_to_equal_features(cache, tmp_path, monkeypatch):
    broken = _extraction(3, tmp_path / "never.safetensors")
    assert any(line == "writing\n" for line in broken.stdout)
    broken.kill()
    broken.communicate()
    assert len(list(cache.glob("*/chunk_*"))) == 3

    resumed = _extraction(99, tmp_path / "resumed.safetensors")
    said, _ = resumed.communicate(timeout=120)
    assert "runs 2" in said  # of five chunks
    left = {path.name for path in cache.glob("*/*")} | {p.name for p in cache.glob("*/.*")}
    assert left - {"lock"} == {"features.safetensors"}

    monkeypatch.setenv("TL_CACHE", str(tmp_path / "another"))
    unbroken = _extraction(99, tmp_path / "unbroken.safetensors")
    assert "runs 5" in unbroken.communicate(timeout=120)[0]
    one, other = (load_file(tmp_path / f"{n}.safetensors")["x"] for n in ("resumed", "unbroken"))
    assert torch.equal(one, other)


def test_an_interrupted_call_keeps_its_chunks_and_those_of_another_size_are_not_mixed_in(
    runtime, cache, monkeypatch
):
    backbone, examples, runs, forward = tiny_backbone(), pictures(20), [], features.features_after

    def interrupt(*inputs):
        runs.append(1)
        if len(runs) == 2:
            raise KeyboardInterrupt
        return forward(*inputs)

    monkeypatch.setattr(features, "_CHUNK", 8)
    monkeypatch.setattr(features, "features_after", interrupt)
    with pytest.raises(KeyboardInterrupt):
        features.extract(backbone, examples, runtime)
    monkeypatch.setattr(features, "features_after", forward)
    assert len(list(cache.glob("*/chunk_*"))) == 1
    monkeypatch.setattr(features, "_CHUNK", 5)  # as if a later version cut differently
    found = features.extract(backbone, examples, runtime)
    assert torch.allclose(found.x, _plain(backbone, examples), atol=1e-6)
