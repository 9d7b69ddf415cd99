"""Tent step by step, against Adam written by hand."""

import copy

import torch
from torch import nn

from tl_helpers.techniques import online_adaptation


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)).eval()


def test_each_step_goes_down_the_entropy_of_its_own_batch():
    """Three batches: no gradient is left from the batch before."""
    model = _model()
    by_hand = copy.deepcopy(model)
    batches = torch.randn(3, 12, 4, generator=torch.Generator().manual_seed(3))
    history = online_adaptation.tent(model, list(batches), lr=0.01)
    norm = by_hand[1].train()
    optimizer = torch.optim.Adam([norm.weight, norm.bias], 0.01)
    for batch, told in zip(batches, history, strict=True):
        optimizer.zero_grad()
        loss = online_adaptation.entropy(by_hand(batch))
        assert abs(loss.item() - told) < 1e-6
        loss.backward()
        optimizer.step()
    assert torch.allclose(model[1].weight, norm.weight, atol=1e-6)
    assert torch.allclose(model[1].bias, norm.bias, atol=1e-6)
