"""Losses that align two domains, and batch-norm adaptation: formulas, gradients, and what stays."""

import copy
import math

import pytest
import torch
from torch import nn

from tl_helpers.techniques import domain_adaptation as da
from tl_helpers.techniques import freezing


def _draw(n: int, d: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Linear(4, 6), nn.BatchNorm1d(6, momentum=0.3), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)),
    ).eval()


def _state(model: nn.Module) -> dict:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _moved(before: dict, model: nn.Module) -> set[str]:
    return {
        name for name, value in model.state_dict().items() if not torch.equal(before[name], value)
    }


# Maximum mean discrepancy


def test_mmd_is_the_unbiased_estimate_pair_by_pair():
    a, b = _draw(4), _draw(3, seed=1) + 1
    rows = [*a, *b]
    between = [(x - y).square().sum().item() for x in rows for y in rows if x is not y]
    scale = sum(between) / len(between)

    def kernel(x, y):
        far = (x - y).square().sum().item()
        return sum(math.exp(-far / (width * scale)) for width in da.WIDTHS) / len(da.WIDTHS)

    def mean(values):
        return sum(values) / len(values)

    within = mean([kernel(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j])
    within += mean([kernel(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j])
    expected = within - 2 * mean([kernel(x, y) for x in a for y in b])
    assert da.mmd(a, b).item() == pytest.approx(expected, rel=1e-9)


def test_mmd_of_one_distribution_is_zero_on_average():
    values = torch.stack([da.mmd(_draw(12, seed=s), _draw(9, seed=1000 + s)) for s in range(400)])
    assert values.min() < 0 < values.max()
    assert abs(values.mean()) < 3 * values.std() / 20


def test_mmd_sees_a_difference_in_spread_alone():
    a, b = _draw(200), 2 * _draw(200, seed=1)
    assert da.mmd(a - a.mean(0), b - b.mean(0)) > 0.01


@pytest.mark.parametrize("loss", [da.mmd, da.coral])
def test_losses_pass_gradients_to_both_domains(loss):
    a, b = _draw(5).requires_grad_(), (2 * _draw(4, seed=1)).requires_grad_()
    loss(a, b).backward()
    assert min(a.grad.abs().max(), b.grad.abs().max()) > 0


def test_gradient_of_mmd_is_that_of_fixed_kernels():
    a, b = _draw(5), _draw(4, seed=1)
    scale = torch.cdist(torch.cat([a, b]), torch.cat([a, b])).square().sum() / 72
    loss = da.mmd(a.requires_grad_(), b)
    loss.backward()
    step = torch.zeros_like(a)
    step[2, 1] = 1e-5

    def moved(by):  # widths that make up for the scale, which moves with the sample
        now = torch.cdist(torch.cat([by, b]), torch.cat([by, b])).square().sum() / 72
        return da.mmd(by, b, [width * float(scale / now) for width in da.WIDTHS])

    with torch.no_grad():
        slope = (moved(a + step) - moved(a - step)) / 2e-5
    assert a.grad[2, 1].item() == pytest.approx(slope.item(), rel=1e-5)


def test_mmd_survives_features_that_are_all_the_same():
    a = torch.ones(4, 3, requires_grad=True)
    loss = da.mmd(a, torch.ones(4, 3))
    loss.backward()
    assert loss == 0
    assert torch.isfinite(a.grad).all()


def test_mmd_of_features_far_from_the_origin_keeps_its_digits():
    a, b = _draw(40).float(), _draw(40, seed=1).float() + 1
    assert da.mmd(a + 1000, b + 1000).item() == pytest.approx(da.mmd(a, b).item(), abs=1e-3)


# Correlation alignment


def test_coral_is_the_papers_formula():
    a, b = _draw(6), 2 * _draw(5, seed=1)
    far = (torch.cov(a.T) - torch.cov(b.T)).square().sum() / (4 * 3**2)
    assert da.coral(a, b).item() == pytest.approx(far.item(), rel=1e-12)


def test_coral_ignores_a_shift_and_mmd_does_not():
    a = _draw(50)
    assert da.coral(a, a + 5).item() == pytest.approx(0, abs=1e-20)
    assert da.mmd(a, a + 5) > 0.5


@pytest.mark.parametrize("loss", [da.mmd, da.coral])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4, 3), (4, 2)),
        ((4, 3, 2, 2), (4, 3, 2, 2)),
        ((4,), (4,)),
        ((1, 3), (4, 3)),
        ((4, 3), (0, 3)),
    ],
)
def test_losses_refuse_shapes_that_are_not_two_samples(loss, a, b):
    with pytest.raises(ValueError, match="expected"):
        loss(torch.zeros(a), torch.zeros(b))


def test_mmd_refuses_widths_that_are_not_positive():
    for widths in ([], [1.0, 0.0]):
        with pytest.raises(ValueError, match="widths"):
            da.mmd(_draw(4), _draw(4), widths)


# Gradient reversal


def test_reversal_changes_the_gradient_and_nothing_else():
    reverse = da.GradientReversal(0.25)
    x = _draw(4).requires_grad_()
    out = reverse(x)
    assert torch.equal(out, x)
    (out * torch.arange(3)).sum().backward()
    assert torch.equal(x.grad, -0.25 * torch.arange(3).expand(4, 3))


def test_strength_can_be_set_between_steps():
    reverse = nn.Sequential(da.GradientReversal(), nn.Identity())
    x = _draw(2).requires_grad_()
    for strength in (0.0, 2.0):
        reverse[0].strength = strength
        (gradient,) = torch.autograd.grad(reverse(x).sum(), x)
        assert torch.equal(gradient, torch.full_like(x, -strength))
    reverse[0].strength = -1.0
    with pytest.raises(ValueError, match="strength"):
        reverse(x)


def test_reversal_strength_follows_the_paper():
    assert da.reversal_strength(0) == 0
    assert da.reversal_strength(0.1) == pytest.approx((1 - math.exp(-1)) / (1 + math.exp(-1)))
    assert da.reversal_strength(1) == pytest.approx(1, abs=1e-4)
    with pytest.raises(ValueError, match="progress"):
        da.reversal_strength(10)


# Adaptive batch-norm


def test_adapted_statistics_are_the_means_over_target_batches_by_size():
    model, x = _model(), 3 * torch.randn(10, 4) + 1
    inside = model[0](x)
    da.adapt_batchnorm(model, x.split(8))  # batches of 8 and 2
    parts = inside.split(8)
    variance = (8 * parts[0].var(0) + 2 * parts[1].var(0)) / 10
    assert torch.allclose(model[1].running_mean, inside.mean(0), atol=1e-5)
    assert torch.allclose(model[1].running_var, variance, atol=1e-5)


def test_prior_mixes_source_and_target_by_their_counts():
    model, x = _model(), 3 * torch.randn(10, 4) + 1
    model[1].running_mean.fill_(7.0)
    inside = model[0](x)
    da.adapt_batchnorm(model, x.split(5), prior=30)
    expected = (30 * 7.0 + 10 * inside.mean(0)) / 40
    assert torch.allclose(model[1].running_mean, expected, atol=1e-5)


def test_adapting_moves_statistics_and_nothing_else():
    model = _model()
    model[3].train()  # a mode of its own
    before, modes = _state(model), [part.training for part in model.modules()]
    momentum = [part.momentum for part in (model[1], model[5])]
    assert da.adapt_batchnorm(model, torch.randn(32, 4).split(16)) is model
    moved = _moved(before, model)
    assert moved == {n for n in before if "running" in n or "num_batches" in n}
    assert [part.training for part in model.modules()] == modes
    assert [part.momentum for part in (model[1], model[5])] == momentum
    assert all(parameter.grad is None for parameter in model.parameters())


def test_dropout_does_not_disturb_the_statistics():
    x, twins = torch.randn(64, 4), [_model(), _model()]
    for model in twins:
        da.adapt_batchnorm(model.train(), x.split(32))
    assert torch.equal(twins[0][5].running_var, twins[1][5].running_var)


def test_frozen_batchnorm_is_adapted_and_stays_frozen():
    model = freezing.freeze(_model())
    before = _state(model)
    da.adapt_batchnorm(model, torch.randn(32, 4).split(16))
    assert "1.running_mean" in _moved(before, model)
    model.train()
    assert not any(part.training for part in model.modules())


def test_modes_come_back_when_a_batch_fails():
    model = _model()
    with pytest.raises(RuntimeError):
        da.adapt_batchnorm(model, [torch.randn(8, 4), torch.randn(8, 9)])
    assert not any(part.training for part in model.modules())
    assert model[1].momentum == 0.3


def test_labels_in_a_batch_are_ignored():
    x, twins = torch.randn(16, 4), [_model(), _model()]
    da.adapt_batchnorm(twins[0], [x])
    da.adapt_batchnorm(twins[1], [(x, torch.zeros(16))])
    assert torch.equal(twins[0][5].running_mean, twins[1][5].running_mean)


# Tent


def test_tent_lowers_the_entropy_and_trains_scale_and_shift_alone():
    model, x = _model(), 2 * torch.randn(64, 4)
    model[7].weight.requires_grad_(False)
    before, wanted = _state(model), [p.requires_grad for p in model.parameters()]
    history = da.tent(model, x.split(32), lr=0.05, epochs=10)
    assert len(history) == 20
    assert sum(history[-2:]) < 0.8 * sum(history[:2])
    parameters = {name for name, _ in model.named_parameters()}
    assert _moved(before, model) & parameters == {"1.weight", "1.bias", "5.weight", "5.bias"}
    assert [p.requires_grad for p in model.parameters()] == wanted
    assert all(p.grad is None for p in model.parameters())
    assert not any(part.training for part in model.modules())


def test_tent_takes_adams_first_step_down_the_entropy():
    model, x = _model(), torch.randn(32, 4)
    twin = copy.deepcopy(model).train()
    twin[3].eval()
    da.entropy(twin(x)).backward()
    before = model[1].weight.detach().clone()
    da.tent(model, [x], lr=0.01)
    step = (model[1].weight - before).detach()
    assert torch.allclose(step, -0.01 * twin[1].weight.grad.sign(), atol=1e-3)


def test_tent_leaves_the_statistics_of_the_target():
    model, x = _model(), 2 * torch.randn(64, 4)
    da.tent(model, x.split(32), lr=0.05)
    twin = da.adapt_batchnorm(copy.deepcopy(model), x.split(32))
    assert torch.equal(model[5].running_mean, twin[5].running_mean)


def test_entropy_is_that_of_the_predictions():
    assert da.entropy(torch.zeros(2, 4)).item() == pytest.approx(math.log(4))
    assert da.entropy(torch.tensor([[1000.0, 0.0]])).item() == 0
    chance = torch.tensor([[0.25, 0.75]])
    assert da.entropy(chance.log()).item() == pytest.approx(-(chance * chance.log()).sum().item())
    with pytest.raises(ValueError, match="logits"):
        da.entropy(torch.zeros(3))


# Errors of both


@pytest.mark.parametrize("adapt", [da.adapt_batchnorm, da.tent])
@pytest.mark.parametrize("norm", [nn.LayerNorm(4), nn.BatchNorm1d(4, track_running_stats=False)])
def test_network_without_batchnorm_statistics_is_refused(adapt, norm):
    with pytest.raises(ValueError, match="no batch-norm layer with running statistics"):
        adapt(nn.Sequential(nn.Linear(4, 4), norm), [torch.randn(8, 4)])


@pytest.mark.parametrize("adapt", [da.adapt_batchnorm, da.tent])
@pytest.mark.parametrize(
    ("loader", "error", "words"),
    [
        ([], ValueError, "no batch"),
        (torch.randn(8, 4), TypeError, "x.split"),
        (["picture"], TypeError, "is str"),
    ],
)
def test_loader_that_gives_no_inputs_is_refused(adapt, loader, error, words):
    with pytest.raises(error, match=words):
        adapt(_model(), loader)


def test_tent_refuses_what_it_cannot_train():
    x = [torch.randn(8, 4)]
    with pytest.raises(ValueError, match="affine"):
        da.tent(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False)), x)
    with pytest.raises(TypeError, match="only once"):
        da.tent(_model(), iter(x))
    with pytest.raises(ValueError, match="entropy became"):
        da.tent(_model(), [torch.full((8, 4), math.nan)])
    with pytest.raises(ValueError, match="epochs"):
        da.tent(_model(), x, epochs=0)


def test_negative_prior_is_refused():
    with pytest.raises(ValueError, match="prior"):
        da.adapt_batchnorm(_model(), [torch.randn(8, 4)], prior=-1)
