"""The diagram of a network tells what is reused, frozen, trained and new, from the model itself."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import timm
import torch
import torchvision
from tiny_backbone import tiny_backbone
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from tl_helpers import plots
from tl_helpers.models import backbones
from tl_helpers.plots import stages
from tl_helpers.techniques import freezing

mpl.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def bert(layers):
    sizes = {"hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 96}
    sizes |= {"num_hidden_layers": layers, "vocab_size": 900}
    return BertForSequenceClassification(BertConfig(**sizes))


def resnet():
    return torchvision.models.resnet18(num_classes=3)


def plain():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Linear(4, 2))


MODELS = {
    "timm lite0": lambda: timm.create_model("tf_efficientnet_lite0", num_classes=3),
    "timm vit": lambda: timm.create_model("vit_tiny_patch16_224", num_classes=3),
    "torchvision vit": lambda: torchvision.models.vit_b_32(num_classes=3),
    "torchvision resnet": resnet,
    "bert of 6": lambda: bert(6),
    "bert of 24": lambda: bert(24),
    "plain": plain,
    "one layer": lambda: nn.Linear(3, 2),
    "transformer": lambda: nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_is_in_one_box_and_the_boxes_fit_a_page(name):
    with torch.device("meta"):
        model = MODELS[name]()
    rows = stages.read(model, None, ())
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())
    assert 1 <= len(rows) <= stages.MOST
    assert len({row.name for row in rows}) == len(rows)


def test_blocks_of_a_network_are_boxes_of_their_own():
    names = [row.name for row in stages.read(MODELS["timm lite0"](), None, ["classifier"])]
    blocks = [f"blocks {number}" for number in range(7)]
    assert names == ["conv_stem", *blocks, "conv_head", "classifier"]
    names = [row.name for row in stages.read(bert(6), None, ())]
    layers = [f"layer {number}" for number in range(6)]
    assert names == ["embeddings", *layers, "pooler", "classifier"]


def test_a_backbone_brings_its_stages_and_a_head_stands_beside_it():
    backbone = backbones.load("minilm-l6")
    freezing.freeze(backbone.module)
    rows = stages.read(backbone, nn.Linear(384, 2), ())
    assert [row.name for row in rows] == [*backbone.stages, "head"]
    assert [row.state for row in rows] == [stages.FROZEN] * 7 + [stages.NEW]
    assert rows[-1].parameters == 770


def test_states_follow_requires_grad_and_what_the_caller_calls_new():
    model = resnet()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(("layer4", "fc")))
    model.layer3[0].conv1.weight.requires_grad_(True)
    states = [row.state for row in stages.read(model, None, ["fc"])]
    frozen = [stages.FROZEN] * 3
    assert states == [*frozen, stages.PARTLY, stages.TRAINED, stages.NEW]


def test_a_head_of_two_layers_is_one_new_box():
    backbone = tiny_backbone()
    model = nn.ModuleDict(
        {"backbone": backbone.module, "head": nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))}
    )
    rows = stages.read(model, None, ["head"])
    assert [(row.name, row.state) for row in rows][-1] == ("head", stages.NEW)


def test_boxes_differ_without_colour_and_brackets_add_up():
    model = resnet()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(("layer4", "fc")))
    ax = plots.network(model, new=("fc",))
    looks = {(box.get_hatch(), sum(box.get_facecolor()[:3]) > 1) for box in ax.patches[:6]}
    assert len(looks) == 3
    said = [text.get_text() for text in ax.texts]
    assert "new, random at first: 1.54 k weights" in said
    assert "reused, trained: 8.39 M weights" in said
    assert {"input", "output"} <= set(said)
    assert ax.get_title("left") == "Of 11.2 M weights, 75.1% train"


def test_twelve_stages_do_not_overlap():
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(12)))
    ax = plots.network(model)
    boxes = sorted(box.get_extents().y0 for box in ax.patches[:12])
    heights = [box.get_extents().height for box in ax.patches[:12]]
    gaps = [above - below for below, above in itertools.pairwise(boxes)]
    assert min(gaps) > max(heights)


def test_description_names_every_stage_and_its_state():
    words = plots.description(plots.network(tiny_backbone(), nn.Linear(6, 2)))
    assert "one (" in words and "head (14): new, random at first." in words


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: plots.network(plain(), new=("head",)), "no stage is called 'head'"),
        (lambda: plots.network(nn.ReLU()), "no parameter"),
    ],
)
def test_wrong_use_is_named(call, reason):
    with pytest.raises(ValueError, match=reason):
        call()
