"""Layer-wise groups: real learning rates, and every trainable parameter exactly once."""

import doctest

import pytest
import torch
from tiny_backbone import pictures, tiny_backbone
from torch import nn

from tl_helpers.models import backbones
from tl_helpers.techniques import freezing, param_groups
from tl_helpers.training import fit, runtime


def _stages() -> dict[str, nn.Module]:
    return {name: nn.Linear(3, 3) for name in ("first", "second", "third")}


def _ids(groups: list[dict]) -> list[int]:
    return sorted(id(parameter) for group in groups for parameter in group["params"])


def test_rates_fall_by_the_factor_from_head_to_input():
    groups = param_groups.layerwise(_stages(), nn.Linear(3, 2), base_lr=0.1, decay=0.5)
    assert [group["name"] for group in groups] == ["first", "second", "third", "head"]
    assert [group["lr"] for group in groups] == pytest.approx([0.0125, 0.025, 0.05, 0.1])


def test_factor_one_gives_every_stage_the_same_rate():
    groups = param_groups.layerwise(_stages(), nn.Linear(3, 2), base_lr=0.1, decay=1)
    assert {group["lr"] for group in groups} == {0.1}


@pytest.mark.parametrize("frozen", [(), ("stem",), ("stem", "block 3", "top")])
def test_every_trainable_parameter_of_a_real_network_is_in_exactly_one_group(frozen):
    backbone = backbones.load("efficientnet-lite0", pretrained=False)
    model = backbones.with_head(backbone, 5)
    for name in frozen:
        freezing.freeze(backbone.stages[name])
    groups = param_groups.layerwise(backbone.stages, model.head, 1e-3, 0.5)
    assert _ids(groups) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert [group["name"] for group in groups] == [
        name for name in (*backbone.stages, "head") if name not in frozen
    ]


def test_a_frozen_stage_keeps_its_place_in_the_rates():
    stages = _stages()
    freezing.freeze(stages["second"])
    groups = param_groups.layerwise(stages, nn.Linear(3, 2), base_lr=0.1, decay=0.5)
    assert {g["name"]: g["lr"] for g in groups} == {"first": 0.0125, "third": 0.05, "head": 0.1}


def test_requires_grad_stays_as_it_was():
    stages, head = _stages(), nn.Linear(3, 2)
    stages["second"].bias.requires_grad_(False)
    flags = [[p.requires_grad for p in part.parameters()] for part in (*stages.values(), head)]
    groups = param_groups.layerwise(stages, head, 0.1, 0.5)
    after = [[p.requires_grad for p in part.parameters()] for part in (*stages.values(), head)]
    assert after == flags
    assert len(groups[1]["params"]) == 1


def test_an_optimizer_moves_each_stage_at_its_own_rate():
    stages, head = _stages(), nn.Linear(3, 3)
    network = nn.Sequential(*stages.values(), head)
    optimizer = torch.optim.SGD(param_groups.layerwise(stages, head, 0.1, 0.5), lr=99.0)
    before = [p.detach().clone() for p in network.parameters()]
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    moved = [(b - p.detach()).mean().item() for b, p in zip(before, network.parameters(), strict=1)]
    assert moved[::2] == pytest.approx([0.0125, 0.025, 0.05, 0.1], rel=1e-4)


def test_fit_trains_all_groups_and_one_cycle_keeps_their_ratio():
    backbone = tiny_backbone()
    model = backbones.with_head(backbone, 2)
    optimizer = torch.optim.AdamW(param_groups.layerwise(backbone.stages, model.head, 0.1, 0.5))
    rates = [group["lr"] for group in optimizer.param_groups]
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=4)
    before = [p.detach().clone() for p in model.parameters()]
    data = pictures(8)
    fit(model, (data.x, data.y), loss_fn=nn.functional.cross_entropy, optimizer=optimizer,
        epochs=2, batch_size=4, scheduler=cycle, scheduler_per="step", progress=False,
        runtime=runtime.start("smoke", 0, precision="fp32"))  # fmt: skip
    assert all(not torch.equal(b, p) for b, p in zip(before, model.parameters(), strict=True))
    now = [group["lr"] for group in optimizer.param_groups]
    assert [rate / now[-1] for rate in now] == pytest.approx([0.25, 0.5, 1.0])


@pytest.mark.parametrize("decay", [0, -0.5, 2.6, float("nan")])
def test_a_factor_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=r"decay is .*inverse"):
        param_groups.layerwise(_stages(), nn.Linear(3, 2), 0.1, decay)


@pytest.mark.parametrize("rate", [0, -1e-3, float("inf"), float("nan")])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match="base_lr is"):
        param_groups.layerwise(_stages(), nn.Linear(3, 2), rate, 0.5)


def test_a_parameter_in_two_stages_is_named_with_both():
    stages = _stages()
    stages["third"].weight = stages["first"].weight
    with pytest.raises(ValueError, match=r"weight of 'third' is also in 'first'"):
        param_groups.layerwise(stages, nn.Linear(3, 2), 0.1, 0.5)


def test_a_head_that_is_also_a_stage_is_refused():
    stages = _stages()
    with pytest.raises(ValueError, match=r"of 'head' is also in 'third'"):
        param_groups.layerwise(stages, stages["third"], 0.1, 0.5)


@pytest.mark.parametrize("head", [freezing.freeze(nn.Linear(3, 2)), nn.Identity()])
def test_a_head_without_anything_to_train_is_refused(head):
    with pytest.raises(ValueError, match="no trainable parameter"):
        param_groups.layerwise(_stages(), head, 0.1, 0.5)


@pytest.mark.parametrize("stages", [{}, {"head": nn.Linear(3, 3)}])
def test_stages_must_be_there_and_leave_the_heads_name_free(stages):
    with pytest.raises(ValueError, match=r"expected at least one, and none called 'head'"):
        param_groups.layerwise(stages, nn.Linear(3, 2), 0.1, 0.5)


def test_the_example_in_the_docstring_is_true():
    assert doctest.testmod(param_groups).attempted > 0
    assert doctest.testmod(param_groups).failed == 0
