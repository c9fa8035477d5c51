"""One vector for all parameters, updated like torch.optim.Adam."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from impasto.training.vector import Vector


def _parameters() -> dict[str, nn.Parameter]:
    torch.manual_seed(0)
    return {"a": nn.Parameter(torch.randn(3, 4)), "b": nn.Parameter(torch.randn(5))}


def _backward(parameters: dict[str, nn.Parameter], scale: float = 1.0) -> None:
    a, b = parameters.values()
    (scale * ((a.square().sum() - 3) ** 2 + (b**3).sum() + a.sum() * b.sum())).backward()


def test_it_moves_as_adam_with_clipped_gradients_does() -> None:
    ours, theirs = _parameters(), _parameters()
    vector, adam = Vector(ours, {}), torch.optim.Adam(theirs.values(), lr=1.0)
    for step in range(12):
        rate = 0.05 / (1 + step)
        vector.forget()
        _backward(ours)
        assert bool(vector.step(rate, step))
        adam.zero_grad()
        _backward(theirs)
        torch.nn.utils.clip_grad_norm_(list(theirs.values()), 20.0)
        adam.param_groups[0]["lr"] = rate
        adam.step()
        for one, other in zip(ours.values(), theirs.values(), strict=True):
            torch.testing.assert_close(one.detach(), other.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_step_without_a_finite_gradient_is_not_taken(value: float) -> None:
    parameters = _parameters()
    vector = Vector(parameters, {})
    vector.forget()
    _backward(parameters)
    vector.step(0.1, 0)
    before = {name: tensor.clone() for name, tensor in vector.state().items()}
    vector.forget()
    _backward(parameters)
    vector.gradient[2] = value
    assert not bool(vector.step(0.1, 1))
    for name, tensor in vector.state().items():
        if name != "average":
            assert tensor.equal(before[name]), name


def test_what_is_held_stays_to_the_bit() -> None:
    parameters = _parameters()
    free = torch.ones(3, 4)
    free[0] = 0
    vector = Vector(parameters, {"a": free})
    before = parameters["a"].detach().clone()
    for step in range(5):
        vector.forget()
        _backward(parameters)
        vector.hold()
        vector.step(0.1, step)
    assert parameters["a"][0].equal(before[0])
    assert vector.averages()["a"][0].equal(before[0])
    assert (parameters["a"][1:] != before[1:]).all()


def test_a_state_goes_on_as_if_nothing_had_happened() -> None:
    ends = []
    for stop in (None, 3):
        parameters = _parameters()
        vector = Vector(parameters, {})
        for step in range(6):
            if step == stop:
                state = {name: tensor.clone() for name, tensor in vector.state().items()}
                parameters = {k: nn.Parameter(torch.zeros_like(p)) for k, p in parameters.items()}
                vector = Vector(parameters, {})
                vector.restore(state)
            vector.forget()
            _backward(parameters)
            vector.step(0.1, step)
        ends.append((vector.values.clone(), vector.average.clone()))
    assert ends[0][0].equal(ends[1][0])
    assert ends[0][1].equal(ends[1][1])


def test_notes_travel_behind_the_gradient() -> None:
    vector = Vector(_parameters(), {}, notes=2)
    vector.notes[:] = 7
    assert vector.message.tolist() == [0] * 17 + [7, 7]
    assert len(vector.gradient) == 17
