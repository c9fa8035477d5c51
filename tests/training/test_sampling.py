"""Which style at which strength."""

from __future__ import annotations

import torch

from impasto.training.sampling import Assignment, assign


def test_every_style_comes_equally_often() -> None:
    counts = torch.zeros(5)
    for step in range(200):
        drawn = assign(step, 6, range(1, 5), seed=0)
        counts += torch.bincount(drawn.styles, minlength=5)
        assert set(drawn.styles.tolist()) == {1, 2, 3, 4}
    assert counts[0] == 0
    assert counts[1:].min() > 0.8 * counts[1:].max()


def test_draws_depend_on_step_and_seed_alone() -> None:
    def strengths(step: int, seed: int) -> list[float]:
        return assign(step, 64, range(1, 3), seed).strengths.tolist()

    assert strengths(3, 0) == strengths(3, 0)
    assert len({tuple(strengths(*case)) for case in ((3, 0), (4, 0), (3, 1))}) == 3


def test_processes_share_the_work() -> None:
    whole = assign(7, 6, range(1, 4), 0)
    parts = [whole.part(rank, 3) for rank in range(3)]
    assert torch.cat([part.styles for part in parts]).equal(whole.styles)
    assert torch.cat([part.strengths for part in parts]).equal(whole.strengths)


def test_most_are_whole_and_some_are_not() -> None:
    strengths = torch.cat([assign(step, 50, range(1, 2), 0).strengths for step in range(100)])
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
