"""Frozen means frozen: weights, batch-norm statistics and dropout."""

import copy
import io

import torch
from torch import nn

from tl_helpers.techniques import freezing


def _network() -> nn.Module:
    torch.manual_seed(0)
    stage1 = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5))
    stage2 = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    return nn.Sequential(stage1, stage2, head)


def _copy_of(module: nn.Module) -> dict:
    return {name: value.clone() for name, value in module.state_dict().items()}


def _same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def _one_epoch(model: nn.Module) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), 0.1, weight_decay=0.5)
    for _ in range(4):
        model.train()
        optimizer.zero_grad()
        model(torch.randn(8, 3, 8, 8)).square().sum().backward()
        optimizer.step()


def test_frozen_batchnorm_stays_put_through_training():
    model = _network()
    freezing.freeze(model[0])
    before, free_before = _copy_of(model[0]), _copy_of(model[1])
    _one_epoch(model)
    assert _same(before, _copy_of(model[0]))
    assert not _same(free_before, _copy_of(model[1]))


def test_frozen_dropout_is_inactive_whatever_train_says():
    stage = freezing.freeze(_network()[0])
    x = torch.randn(4, 3, 8, 8)
    stage.train()
    stage[3].train()  # of the very layer too
    assert not stage[3].training
    assert torch.equal(stage(x), stage(x))


def test_train_returns_the_module_as_always():
    stage = freezing.freeze(_network()[0])
    assert stage.train() is stage
    assert stage.eval() is stage


def test_freezing_changes_neither_state_dict_nor_outputs():
    model = _network().eval()
    x = torch.randn(4, 3, 8, 8)
    before, names, outputs = _copy_of(model), str(model), model(x)
    freezing.freeze(model)
    assert _same(before, _copy_of(model))
    assert str(model) == names
    assert torch.equal(model(x), outputs)


def test_a_deep_copy_is_frozen_on_its_own():
    model = freezing.freeze(_network())
    twin = copy.deepcopy(model)
    freezing.unfreeze(model)
    model.train()
    twin.train()
    assert all(part.training for part in model.modules())
    assert not any(part.training for part in twin.modules())
    assert not any(p.requires_grad for p in twin.parameters())


def test_a_pickled_network_stays_frozen():
    file = io.BytesIO()
    torch.save(freezing.freeze(_network()), file)
    file.seek(0)
    twin = torch.load(file, weights_only=False)
    assert not twin.train().training
    assert not twin[0][1].training


def test_unfreezing_restores_every_flag_exactly():
    model = _network()
    model[0][0].bias.requires_grad_(False)
    model[1].eval()
    flags = [p.requires_grad for p in model.parameters()]
    modes = [part.training for part in model.modules()]
    freezing.freeze(freezing.freeze(model))
    freezing.unfreeze(model)
    assert [p.requires_grad for p in model.parameters()] == flags
    assert [part.training for part in model.modules()] == modes
    assert "train" not in model.__dict__


def test_a_stage_unfrozen_inside_a_frozen_network_trains():
    model = freezing.freeze(_network())
    freezing.unfreeze(model[1])
    frozen, free = _copy_of(model[0]), _copy_of(model[1])
    _one_epoch(model)
    assert model[1][1].training
    assert not model.training
    assert _same(frozen, _copy_of(model[0]))
    assert not _same(free, _copy_of(model[1]))


def test_shared_weights_train_again_after_unfreezing():
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    model = nn.Sequential(a, b)
    freezing.unfreeze(freezing.freeze(model))
    assert all(p.requires_grad for p in model.parameters())


def test_momentum_does_not_move_weights_frozen_between_steps():
    layer = nn.Linear(3, 3)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9)
    layer(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    before = _copy_of(freezing.freeze(layer))
    optimizer.step()
    assert _same(before, _copy_of(layer))


def test_the_report_counts_each_stage_and_shared_weights_once():
    model = _network()
    freezing.freeze(model[0])
    report = freezing.trainable_report(model, {"stem": model[0], "body": model[1]})
    assert [row.name for row in report.rows] == ["stem", "body", "(rest)"]
    assert [row.mode for row in report.rows] == ["frozen", "trains", "trains"]
    assert report.total == sum(p.numel() for p in model.parameters())
    assert report.frozen == sum(p.numel() for p in model[0].parameters())
    assert "frozen" in str(report)
    tied = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    tied[1].weight = tied[0].weight
    assert freezing.trainable_report(tied).total == 9


def test_the_report_exposes_weights_fixed_without_freezing():
    model = _network()
    model[0].requires_grad_(False)
    assert "batch-norm" in freezing.trainable_report(model).rows[0].mode
    assert freezing.frozen_stages({"stem": model[0]}) == []
    freezing.freeze(model[0])
    assert freezing.frozen_stages({"stem": model[0], "body": model[1]}) == ["stem"]


def test_a_stage_that_trains_in_part_is_not_listed_as_frozen():
    model = freezing.freeze(_network())
    stages = {"stem": model[0], "body": model[1]}
    assert freezing.frozen_stages(stages) == ["stem", "body"]
    freezing.unfreeze(model[1][1])
    assert freezing.frozen_stages(stages) == ["stem"]
    assert [row.mode for row in freezing.trainable_report(model, stages).rows][:2] == [
        "frozen",
        "partly frozen",
    ]
