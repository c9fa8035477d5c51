"""The objectives: match paintings, or a larger network."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.nets.transformer import TransferNet, load, white_noise
from impasto.training.objectives import Batch, TeacherObjective, distance
from impasto.training.sampling import Assignment
from zoo.making import random_pack


def _net(*styles: str, **options: str) -> TransferNet:
    pack = random_pack(*styles, **options)
    return load(pack.architecture, {k: torch.from_numpy(v) for k, v in pack.tensors.items()})


def _batch(net: TransferNet) -> Batch:
    torch.manual_seed(0)
    photos = torch.rand(2, 3, 32, 48)
    chosen = Assignment(torch.tensor([1, 2, 2, 1]), torch.tensor([1.0, 0.4, 1.0, 1.0]))
    noise = white_noise(net.architecture, 4, 32, 48)
    inputs = photos.repeat_interleave(2, dim=0)
    return Batch(photos, inputs, chosen, chosen.mix(net.styles), noise)


def test_a_teacher_asks_for_what_it_makes_itself() -> None:
    """In the same mix and noise, also where its styles are in another order."""
    net = _net("swirls", "dots")
    batch = _batch(net)
    with torch.no_grad():
        same = net(batch.inputs, batch.mix, batch.noise).clamp(0, 1)
        turned = net(batch.inputs, batch.mix[:, [0, 2, 1]], batch.noise).clamp(0, 1)
    least = 0.01 * (2 + 1 + 0.5 + 0.5)  # what the Charbonnier distance has at 0
    for made, rows in ((same, [0, 1, 2]), (turned, [0, 2, 1])):
        asked = TeacherObjective(net, rows, (1, 2))(made, batch)
        torch.testing.assert_close(asked.loss, torch.tensor(least))
        assert float(asked.gradient.abs().max()) < 1e-7
        other = TeacherObjective(net, rows, (1, 2))(1 - made, batch)
        assert float(other.loss) > 5 * least


def test_a_teacher_is_not_moved() -> None:
    net = _net("swirls", "dots")
    batch = _batch(net)
    TeacherObjective(net, [0, 1, 2], (1, 2))(torch.rand(4, 3, 32, 48), batch)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_distance_sees_places_and_edges() -> None:
    """Its slope is that of finite differences; noise of the same size counts more than a shade."""
    torch.manual_seed(0)
    x, y = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    shade = distance(y + 0.1, y) - distance(y, y)
    noise = distance(y + 0.1 * torch.randn_like(y).sign(), y) - distance(y, y)
    assert float(noise) > 1.5 * float(shade)
    x = x.double().requires_grad_(True)

    def of(image: Tensor) -> Tensor:
        return distance(image, y.double())

    assert torch.autograd.gradcheck(of, (x,), fast_mode=True)
