"""Ways to a policy: each spends what it says, and answers for every machine and seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tl_helpers.arms import adapting, policies
from tl_helpers.arms.labels import TRIES
from tl_helpers.simulators import cart_poles
from tl_helpers.simulators.cart_poles import STEPS

BODY = {"half_length": (0.4, 0.7), "delay": (0, 4)}
REAL = {**BODY, "lag": (0.1, 0.2), "noise": (0.01, 0.02)}


@pytest.fixture(scope="module")
def lab():
    machines = cart_poles.draw(REAL, (3,), torch.Generator().manual_seed(0))
    return policies.Lab(machines, [4, 5], generations=6, draws=4, steps=120, tested=2)


@pytest.fixture(scope="module")
def ways(lab):
    right = policies.Simulated(lab, BODY)
    history = policies.Simulated(lab, BODY, history=2)
    return {
        "right": right,
        "history": history,
        "identified": adapting.Identified(lab, BODY, right),
        "fine-tune": adapting.Adapted(lab, BODY, history),
        "scratch": adapting.Adapted(lab, BODY),
        "LQR": policies.Calculated(lab),
        "late LQR": policies.CalculatedLate(lab),
    }


@pytest.mark.parametrize("name", ["right", "history", "identified", "fine-tune", "scratch", "LQR"])
def test_a_way_answers_for_each_test_episode_of_each_machine(lab, ways, name):
    for seed in lab.seeds:
        given = ways[name](12, seed)
        assert given.predicted.shape == (6,) == (len(lab.groups),)
        assert ((given.predicted > 0) & (given.predicted <= 1)).all()
        sizes = {"history": 10, "fine-tune": 10, "late LQR": 50}
        assert given.trainable == sizes.get(name, 4)
        assert given.tuned.tried == TRIES


def test_the_same_seeds_give_the_same_answers(lab, ways):
    again = policies.Simulated(lab, BODY)(12, 4)
    np.testing.assert_array_equal(again.predicted, ways["right"](12, 4).predicted)


def test_candidates_share_the_budget_on_each_machine(lab, ways):
    played = ways["LQR"].play(lab.machines, 24)
    assert played.kept.shape == (2, TRIES, 3, 24 // TRIES)


def test_adaptation_spends_its_budget_and_not_an_episode_more(lab, ways, monkeypatch):
    spent = []

    def counted(policy, physics, first, **how):
        ran = cart_poles.run(policy, physics, first, **how)
        if isinstance(physics.lag, torch.Tensor):  # the machines have lag, practice has none
            spent.append(ran.kept.numel() // 6)  # 2 seeds, 3 machines
        return ran

    monkeypatch.setattr(adapting, "run", counted)
    adapting.Adapted(lab, BODY).policies(24)
    assert sum(spent) == 24


def test_a_budget_that_leaves_nothing_to_adapt_with_is_refused(ways):
    with pytest.raises(ValueError, match="0 episodes are left to adapt with; expected 6"):
        ways["fine-tune"].policies(6)


def test_the_gentle_regulator_balances_where_the_stiff_one_falls():
    machines = cart_poles.draw({"delay": (6, 6)}, (2,), torch.Generator().manual_seed(0))
    lab = policies.Lab(machines, [0], tested=2)
    lqr = policies.Calculated(lab)
    kept = lqr.play(machines, 6).kept.mean((0, 2, 3))
    assert kept[0] < STEPS / 4 and kept[2] == STEPS
    assert (lqr(12, 0).predicted == 1).all()


def test_success_over_other_machines_is_a_share_each(lab, ways):
    others = cart_poles.Physics(delay=torch.tensor([0.0, 2.0, 12.0, 0.0]))
    shares = ways["LQR"].over(others, 12)
    assert shares.shape == (4,) and shares[0] == shares[3] == 1


def test_recordings_are_gathered_machine_by_machine(lab, ways):
    played = ways["right"].play(lab.machines, 12, record=True)
    flat = adapting._by_machine(played)
    assert flat.kept.shape == (6, 12)
    torch.testing.assert_close(flat.kept[4], played.kept[1, :, 1].flatten())
    torch.testing.assert_close(flat.readings[:, :, 4], played.readings[:, :, 1, :, 1].flatten(2))
