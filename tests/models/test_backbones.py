"""Pretrained networks: every weight loaded, and random ones only where they are asked for."""

import pytest
import torch

from tl_helpers.assets.store import AssetError
from tl_helpers.datasets import vision
from tl_helpers.models import backbones
from tl_helpers.models.backbones import PicturePreprocess, load, with_head

SMALL = (*backbones.LITE, "minilm-l6")
TEXT = ("minilm-l6", "mpnet-base")


@pytest.fixture(scope="module")
def efficientnet():
    return load("efficientnet-lite0", size=224)


@pytest.fixture(scope="module")
def minilm():
    return load("minilm-l6")


def _squares(photograph: torch.Tensor) -> torch.Tensor:
    side = min(photograph.shape[1:])
    top, left = ((length - side) // 2 for length in photograph.shape[1:])
    return photograph[None, :, top : top + side, left : left + side]


@pytest.mark.parametrize("name", backbones.LITE)
@torch.inference_mode()
def test_efficientnet_names_the_cat_and_the_coffee(name):
    network = load(name, size=224)
    pictures = vision.photographs()
    named = {}
    for picture in ("cat", "coffee"):
        features = network.module(network.preprocess(_squares(pictures[picture])))
        assert features.shape == (1, network.feature_size)
        named[picture] = network.categories[int(network.classifier(features).argmax())]
    assert "cat" in named["cat"]
    assert named["coffee"] in ("cup", "espresso", "coffee mug")


@torch.inference_mode()
def test_minilm_puts_a_paraphrase_nearer_than_another_topic(minilm):
    texts = ["The flight was late again.", "Our plane left with a delay.", "I like this recipe."]
    a, b, c = torch.nn.functional.normalize(minilm.module(minilm.preprocess(texts)))
    assert a @ b > a @ c + 0.3


@pytest.mark.parametrize("name", SMALL)
def test_every_weight_comes_from_the_file(name):
    """No parameter is left as it was drawn: two seeds give the same pretrained network."""
    one, other = load(name, seed=0), load(name, seed=1)
    assert one.fingerprint() == other.fingerprint()
    assert not one.module.training
    assert all(p.requires_grad and p.is_leaf for p in one.module.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_a_weight_missing_in_the_file_is_an_error(name, monkeypatch):
    import safetensors.torch

    whole = safetensors.torch.load_file

    def one_short(path):
        weights = whole(path)
        weights.pop(next(key for key in weights if key.endswith("weight")))
        return weights

    monkeypatch.setattr(safetensors.torch, "load_file", one_short)
    with pytest.raises(RuntimeError, match="Missing key"):
        load(name)


@pytest.mark.parametrize("name", SMALL)
def test_random_weights_follow_their_seed_and_nothing_else(name):
    torch.manual_seed(11)
    state = torch.get_rng_state()
    first = load(name, pretrained=False, seed=4)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(12)
    assert load(name, pretrained=False, seed=4).fingerprint() == first.fingerprint()
    assert load(name, pretrained=False, seed=5).fingerprint() != first.fingerprint()
    assert load(name).fingerprint() != first.fingerprint()
    assert first.classifier is None and first.categories is None


@pytest.mark.parametrize("name", SMALL)
def test_a_missing_asset_never_gives_random_weights(name, monkeypatch, tmp_path):
    monkeypatch.setenv("TL_CACHE", str(tmp_path))
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(AssetError):
        load(name)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'resnet'. Known are: efficientnet-lite0, .*minilm-l6"):
        load("resnet")


def _build(name: str) -> backbones.Backbone:
    """On the meta device: the architecture alone, without memory for the weights."""
    with torch.device("meta"):
        backbone = load(name, pretrained=False)
    if name in TEXT:  # transformers looks at the values of a mask, and here there are none
        backbone.module.transformer.register_forward_pre_hook(
            lambda _module, args, tokens: (args, {**tokens, "attention_mask": None}),
            with_kwargs=True,
        )
    return backbone


def _meta_inputs(name: str):
    with torch.device("meta"):
        if name in TEXT:
            ones = torch.ones(2, 7, dtype=torch.long)
            return {"input_ids": ones, "attention_mask": ones}
        return torch.empty(2, 3, 96, 96)


@pytest.mark.parametrize("name", backbones.NAMES)
def test_stages_hold_each_parameter_once(name):
    backbone = _build(name)
    held = [id(p) for stage in backbone.stages.values() for p in stage.parameters()]
    assert len(held) == len(set(held))
    assert set(held) == {id(p) for p in backbone.module.parameters()}


@pytest.mark.parametrize("name", backbones.NAMES)
def test_stages_run_in_their_order(name):
    backbone, ran = _build(name), []
    for stage_name, stage in backbone.stages.items():
        last = stage[-1] if isinstance(stage, torch.nn.ModuleList) else stage
        last.register_forward_hook(lambda *_, name=stage_name: ran.append(name))
    backbone.module(_meta_inputs(name))
    assert ran == list(backbone.stages)


@pytest.mark.parametrize("name", backbones.NAMES)
def test_every_model_gives_features_of_the_size_it_names(name):
    backbone = _build(name)
    assert backbone.module(_meta_inputs(name)).shape == (2, backbone.feature_size)


def test_a_model_without_its_tokenizer_says_so():
    with pytest.raises(ValueError, match="without its tokenizer"):
        _build("mpnet-base").preprocess(["a text"])


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (torch.zeros(3, 8, 8, dtype=torch.uint8), r"shape \(3, 8, 8\); expected \(N, 1 or 3"),
        (torch.zeros(1, 4, 8, 8, dtype=torch.uint8), r"shape \(1, 4, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8), r"torch.float32; expected uint8, values 0 to 255"),
    ],
)
def test_pictures_of_another_shape_or_type_are_refused(pictures, said):
    with pytest.raises(ValueError, match=said):
        PicturePreprocess(8, (0.5,) * 3, (0.5,) * 3)(pictures)


def test_preprocessing_normalises_resizes_and_repeats_grey():
    grey = torch.full((2, 1, 20, 30), 255, dtype=torch.uint8)
    grey[1] = 0
    x = PicturePreprocess(10, (0.5, 0.5, 0.25), (0.5, 0.25, 0.25))(grey)
    assert x.shape == (2, 3, 10, 10)
    assert torch.allclose(x[0].amax((1, 2)), torch.tensor([1.0, 2.0, 3.0]))
    assert torch.allclose(x[1].amin((1, 2)), torch.tensor([-1.0, -2.0, -1.0]))


def test_the_fingerprint_covers_weights_buffers_and_preprocessing():
    backbone = load("efficientnet-lite0", pretrained=False, size=64)
    before = backbone.fingerprint()
    seen = {before, load("efficientnet-lite0", pretrained=False, size=96).fingerprint()}
    with torch.no_grad():
        next(backbone.module.parameters()).view(-1)[0] += 1
    seen.add(backbone.fingerprint())
    next(b for b in backbone.module.buffers() if b.dim()).view(-1)[0] += 1
    seen.add(backbone.fingerprint())
    assert len(seen) == 4


def test_the_fingerprint_does_not_depend_on_the_memory_layout():
    backbone = load("efficientnet-lite0", pretrained=False)
    before = backbone.fingerprint()
    backbone.module.to(memory_format=torch.channels_last)  # as training does
    assert backbone.fingerprint() == before
    backbone.module.to(torch.bfloat16)
    assert backbone.fingerprint() != before


def test_a_head_turns_raw_pictures_into_logits(efficientnet):
    model = with_head(efficientnet, 5)
    pictures = torch.randint(0, 256, (3, 1, 40, 40), dtype=torch.uint8)
    model(pictures).sum().backward()
    assert model(pictures).shape == (3, 5)
    assert model.backbone is efficientnet.module  # not a copy: what is trained is the backbone
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()


def test_a_head_turns_tokens_into_logits(minilm):
    model = with_head(minilm, 2)
    assert model(minilm.preprocess(["one", "and a second text"])).shape == (2, 2)


def test_a_head_without_classes_is_refused(minilm):
    with pytest.raises(ValueError, match="classes is 0; expected the number of classes"):
        with_head(minilm, 0)
