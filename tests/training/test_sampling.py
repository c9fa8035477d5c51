"""Drawing styles, strengths and noise."""

from __future__ import annotations

import torch

from impasto.nets.architecture import architecture
from impasto.training.sampling import Assignment, assign, noises

STYLES = (1, 2, 4, 7)


def test_every_style_comes_equally_often() -> None:
    drawn = torch.cat([assign(step, 6, STYLES, seed=0).styles for step in range(20)])
    assert torch.bincount(drawn).tolist() == [0, 30, 30, 0, 30, 0, 0, 30]


def test_pictures_of_one_photo_are_in_different_styles() -> None:
    """Styles are dealt like cards, so of three in a row two are rarely the same."""
    drawn = assign(0, 300, tuple(range(1, 10)), seed=0).styles.view(100, 3).tolist()
    assert all(len(set(row)) == 3 for row in drawn)


def test_draws_depend_on_step_and_seed_alone() -> None:
    def strengths(step: int, seed: int) -> list[float]:
        return assign(step, 64, (1, 2), seed).strengths.tolist()

    assert strengths(3, 0) == strengths(3, 0)
    assert len({tuple(strengths(*case)) for case in ((3, 0), (4, 0), (3, 1))}) == 3


def test_processes_share_the_work() -> None:
    whole = assign(7, 6, STYLES, 0)
    parts = [whole.part(rank, 3) for rank in range(3)]
    assert torch.cat([part.styles for part in parts]).equal(whole.styles)
    assert torch.cat([part.strengths for part in parts]).equal(whole.strengths)


def test_most_are_whole_and_some_are_not() -> None:
    strengths = torch.cat([assign(step, 50, (1,), 0).strengths for step in range(100)])
    assert 0.8 < float((strengths == 1).float().mean()) < 0.9
    assert float(strengths.min()) < 0.1
    assert bool(((strengths >= 0) & (strengths <= 1)).all())


def test_mixes_add_up_and_weights_follow_the_strength() -> None:
    drawn = Assignment(torch.tensor([1, 2, 2]), torch.tensor([1.0, 0.5, 0.0]))
    torch.testing.assert_close(
        drawn.mix(3), torch.tensor([[0, 1, 0], [0.5, 0, 0.5], [1, 0, 0]], dtype=torch.float32)
    )
    weights = drawn.weights(torch.tensor([0.0, 10.0, 16.0]))
    torch.testing.assert_close(weights, torch.tensor([10.0, 1.0, 0.0]))


def test_noise_is_white_and_belongs_to_the_step() -> None:
    turbo = architecture("turbo")
    one, again, other, seeded = (
        noises(turbo, step, 4, 128, seed) for step, seed in ((1, 0), (1, 0), (2, 0), (1, 9))
    )
    for name, stride in turbo.noise_strides.items():
        assert one[name].shape == (4, 1, 128 // stride, 128 // stride)
        assert one[name].equal(again[name])
        assert not one[name].equal(other[name])
        assert not one[name].equal(seeded[name])
        assert abs(float(one[name].std()) - 1) < 0.15
