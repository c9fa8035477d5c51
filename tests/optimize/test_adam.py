"""Adam against torch.optim.Adam."""

from __future__ import annotations

import math

import pytest
import torch

from impasto.errors import DivergedError
from impasto.optimize.adam import Adam
from optimize.problems import Quadratic, copied, picture


def test_it_is_torchs_adam_while_inside_the_range():
    x = 0.25 + picture() / 2
    problem = Quadratic(
        0.5 + (picture(seed=1) - 0.5) / 4, torch.logspace(-2, 2, 60).view(1, 3, 4, 5)
    )
    adam = Adam(x, learning_rate=0.005)
    parameter = torch.nn.Parameter(x.clone())
    theirs = torch.optim.Adam([parameter], lr=0.005, betas=(0.9, 0.99), eps=1e-30)
    for _ in range(100):
        torch.testing.assert_close(adam.image, parameter.detach(), rtol=1e-5, atol=1e-6)
        assert 0 < float(adam.image.min()) < float(adam.image.max()) < 1
        adam.tell(*problem(adam.image))
        parameter.grad = problem(parameter.detach())[1]
        theirs.step()
    assert float((adam.image - x).abs().max()) > 0.05


def test_it_stays_in_the_range():
    adam = Adam(picture(), learning_rate=0.3)
    problem = Quadratic(4 * picture(seed=1) - 1.5)
    for _ in range(60):
        adam.tell(*problem(adam.image))
        assert float(adam.image.min()) >= 0
        assert float(adam.image.max()) <= 1
    torch.testing.assert_close(adam.image, problem.target.clamp(0, 1), rtol=0, atol=0.35)


def test_it_finds_the_minimum():
    adam = Adam(picture(), learning_rate=0.02)
    problem = Quadratic(picture(seed=1))
    for _ in range(300):
        adam.tell(*problem(adam.image))
    torch.testing.assert_close(adam.image, problem.target, rtol=0, atol=0.01)


def test_where_there_is_no_gradient_nothing_moves():
    x = picture()
    adam = Adam(x, learning_rate=0.1)
    gradient = torch.zeros_like(x)
    gradient[:, 0] = 1
    adam.tell(1.0, gradient)
    assert torch.equal(adam.image[:, 1:], x[:, 1:])
    torch.testing.assert_close(adam.image[:, 0], (x[:, 0] - 0.1).clamp(0, 1))


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_what_is_not_finite_is_diverged_and_changes_nothing(loss):
    adam = Adam(picture(), learning_rate=0.1)
    adam.tell(1.0, picture(seed=1))
    before = copied(adam.state())
    gradient = picture(seed=2)
    with pytest.raises(DivergedError, match="--learning-rate"):
        adam.tell(loss, gradient)
    after = adam.state()
    assert after.pop("t") == before.pop("t")
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_it_inherits_enlarged_moments():
    coarse = Adam(picture(4, 6), learning_rate=0.1)
    for seed in range(5):
        coarse.tell(1.0, torch.full((1, 3, 4, 6), 2.0) + 1e-3 * picture(4, 6, seed))
    fine = Adam(picture(8, 13), learning_rate=0.1)
    fine.inherit(coarse)
    state = fine.state()
    assert state["t"] == 5
    assert state["m"].shape == state["v"].shape == (1, 3, 8, 13)
    # A constant gradient of g has moments g (1 - b^t), at every size.
    torch.testing.assert_close(
        state["m"], torch.full_like(state["m"], 2 * (1 - 0.9**5)), rtol=2e-3, atol=0
    )
    torch.testing.assert_close(
        state["v"], torch.full_like(state["v"], 4 * (1 - 0.99**5)), rtol=2e-3, atol=0
    )
    # So the next step, with the same gradient, is of the learning rate.
    before = fine.image.clone()
    fine.tell(1.0, torch.full_like(before, 2.0))
    torch.testing.assert_close(fine.image, (before - 0.1).clamp(0, 1), rtol=0, atol=1e-3)


def test_an_inherited_second_moment_is_never_negative():
    coarse = Adam(picture(5, 5), learning_rate=0.1)
    spike = torch.zeros(1, 3, 5, 5)
    spike[..., 2, 2] = 100
    coarse.tell(1.0, spike)
    fine = Adam(picture(17, 12), learning_rate=0.1)
    fine.inherit(coarse)
    assert float(fine.state()["v"].min()) >= 0
    fine.tell(1.0, torch.zeros(1, 3, 17, 12))
    assert bool(torch.isfinite(fine.image).all())


def test_restored_anywhere_it_goes_on_bit_for_bit():
    problem = Quadratic(picture(seed=1), torch.logspace(-2, 2, 60).view(1, 3, 4, 5))
    adam = Adam(picture(), learning_rate=0.05)
    images, states = [], []
    for _ in range(12):
        images.append(adam.image.clone())
        states.append(adam.state())  # not copied: a state is a snapshot
        adam.tell(*problem(adam.image))
    for k, state in enumerate(states):
        other = Adam(torch.zeros(1, 3, 4, 5), learning_rate=0.05)
        other.restore(state)
        for expected in images[k:]:
            assert torch.equal(other.image, expected)
            other.tell(*problem(other.image))
