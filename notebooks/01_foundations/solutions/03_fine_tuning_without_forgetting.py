"""Exercises of lesson 1.3: hints, checks, solutions, and the wrong answers they are tested on."""

from tl_helpers.exercises import Exercise, NotYet, Wrong


def _small_network():
    """Four parameters: `a` is in no group, `b` in two, `c` in one, `d` frozen and in none."""
    import torch
    from torch import nn

    network = nn.Module()
    for name in "abcd":
        network.register_parameter(name, nn.Parameter(torch.zeros(2)))
    network.d.requires_grad_(False)
    groups = [
        {"params": [network.b], "lr": 0.1, "name": "early"},
        {"params": [network.c, network.b], "lr": 0.2, "name": "late"},
    ]
    return network, groups


def _check_audit(answer):
    network, groups = _small_network()
    found = answer(groups, network)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise NotYet("return two lists of names: (missing, repeated).")
    missing, repeated = (sorted(names) for names in found)
    if "d" in missing:
        raise NotYet("a frozen parameter needs no group: leave out those without requires_grad.")
    if {"b", "c"} <= set(missing):
        raise NotYet(
            "parameters that are in a group are called missing; compare with `id(p)` or `is`, "
            "since `==` of two tensors compares their values."
        )
    if missing != ["a"]:
        raise NotYet(f"missing is {missing} for a network whose 'a' is in no group.")
    if repeated != ["b"]:
        raise NotYet(f"repeated is {repeated} for a network whose 'b' is in two groups.")
    sound = groups[:1] + [{"params": [network.a, network.c], "lr": 0.2}]
    if any(map(list, answer(sound, network))):
        raise NotYet("groups that hold each trainable parameter once still get a complaint.")
    return "run it whenever groups were made by hand: both mistakes are silent in training."


def _audit_missing_only(groups, network):
    held = {id(p) for group in groups for p in group["params"]}
    named = network.named_parameters()
    return [name for name, p in named if p.requires_grad and id(p) not in held], []


def _audit_with_frozen(groups, network):
    held = [id(p) for group in groups for p in group["params"]]
    names = {id(p): name for name, p in network.named_parameters()}
    missing = [name for i, name in names.items() if i not in held]
    return missing, [name for i, name in names.items() if held.count(i) > 1]


def _audit_count(groups, network):
    return sum(len(group["params"]) for group in groups)


def _check_penalty(answer):
    import torch

    weights, origin = [torch.tensor([3.0, 1.0])], [torch.tensor([1.0, 1.0])]
    head = [torch.tensor([2.0]), torch.tensor([[1.0, 2.0]])]
    found = float(answer(weights, origin, head, 10.0, 0.1))
    home, zero = 10.0 / 2 * 4, 0.1 / 2 * 9
    if abs(found - home) < 1e-4:
        raise NotYet("that is the spring of the lesson; the head's part is not in it yet.")
    if abs(found - 2 * (home + zero)) < 1e-4:
        raise NotYet("both parts are twice too large: each factor is halved, as in the lesson.")
    if abs(found - (home + 10.0 / 2 * 9)) < 1e-4:
        raise NotYet("the head is held by `shrink`, not by `pull`.")
    if abs(found - (10.0 / 2 * 10 + zero)) < 1e-4:
        raise NotYet("the pretrained weights are pulled to zero; measure from `origin`.")
    if abs(found - home - zero) > 1e-4:
        raise NotYet(
            f"for a pull of 10, a shrink of 0.1, a squared way of 4 and a squared head of 9 it "
            f"gives {found:.3f}; expected 10 / 2 * 4 + 0.1 / 2 * 9 = {home + zero:.2f}."
        )
    return "old weights are held where they were, new ones near zero: they have no past."


def _squares(tensors):
    return sum(t.square().sum() for t in tensors)


def _away(weights, origin):
    return _squares([w - o for w, o in zip(weights, origin, strict=True)])


def _holds_the_old_only(weights, origin, head, pull, shrink):
    return pull / 2 * _away(weights, origin)


def _holds_without_halves(weights, origin, head, pull, shrink):
    return pull * _away(weights, origin) + shrink * _squares(head)


def _holds_the_head_as_hard(weights, origin, head, pull, shrink):
    return pull / 2 * (_away(weights, origin) + _squares(head))


def _holds_near_zero(weights, origin, head, pull, shrink):
    return pull / 2 * _squares(weights) + shrink / 2 * _squares(head)


def _check_careful(answer, skill, memory):
    if answer not in memory:
        raise NotYet(f"that is no way of fine-tuning; they are {', '.join(memory)}.")
    best = max(skill[arm] for arm in memory)
    near = {arm: memory[arm] for arm in memory if skill[arm] >= best - 0.02}
    if answer not in near:
        raise NotYet(
            "it is more than 0.02 behind the best on surfaces; first keep the ways that are near "
            "enough, and only then compare their memory."
        )
    if near[answer] < max(near.values()):
        raise NotYet("near enough on surfaces, but another near one keeps more answers.")
    return "skill first, within what you can afford to lose; then memory."


_MEASURED = {
    "skill": {"plain": 0.91, "gradual": 0.9, "L2-SP": 0.895, "last stage": 0.86, "scratch": 0.4},
    "memory": {"plain": 0.3, "gradual": 0.4, "L2-SP": 0.8, "last stage": 0.95},
}

EXERCISES = [
    Exercise(
        id="1.3.1",
        kind="complete",
        hints=[
            "`network.named_parameters()` gives pairs of a name and a parameter.",
            "Count with a list of `id(p)` over all groups: `held.count(id(p))` is 0, 1 or more.",
        ],
        check=_check_audit,
        solution="""def audit(groups, network):
    held = [id(p) for group in groups for p in group["params"]]
    named = [(name, id(p)) for name, p in network.named_parameters() if p.requires_grad]
    missing = [name for name, number in named if number not in held]
    repeated = [name for name, number in named if held.count(number) > 1]
    return missing, repeated""",
        wrong=[
            Wrong(lambda: _audit_with_frozen, "frozen parameter needs no group"),
            Wrong(lambda: _audit_missing_only, "'b' is in two groups"),
            Wrong(lambda: _audit_count, "two lists of names"),
        ],
    ),
    Exercise(
        id="1.3.2",
        kind="modify",
        hints=[
            "Start from the two lines in `l2_sp` that compute `away` and add it to the loss.",
            "The head has no starting point worth keeping: its part is the sum of its squares.",
        ],
        check=_check_penalty,
        solution="""def penalty(weights, origin, head, pull, shrink):
    away = sum((w - o).square().sum() for w, o in zip(weights, origin, strict=True))
    return pull / 2 * away + shrink / 2 * sum(w.square().sum() for w in head)""",
        wrong=[
            Wrong(lambda: _holds_the_old_only, "the head's part is not in it"),
            Wrong(lambda: _holds_without_halves, "twice too large"),
            Wrong(lambda: _holds_the_head_as_hard, "held by `shrink`"),
            Wrong(lambda: _holds_near_zero, "measure from `origin`"),
        ],
    ),
    Exercise(
        id="1.3.3",
        kind="investigate",
        hints=[
            "`skill` and `memory` are dictionaries from way to mean; loop over `memory`.",
            "near = [arm for arm in memory if skill[arm] >= best - 0.02], with the best of them.",
        ],
        check=_check_careful,
        solution="""best_skill = max(skill[arm] for arm in memory)
near = [arm for arm in memory if skill[arm] >= best_skill - 0.02]
careful = max(near, key=memory.get)""",
        wrong=[
            Wrong("plain", "another near one keeps more"),
            Wrong("last stage", "more than 0.02 behind"),
            Wrong("scratch", "no way of fine-tuning"),
        ],
        context=lambda: {key: dict(value) for key, value in _MEASURED.items()},
    ),
]
