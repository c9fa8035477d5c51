"""VectorRows against plain matrix products."""

from __future__ import annotations

import pytest
import torch

from impasto.optimize import history
from impasto.optimize.history import VectorRows


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_are_those_of_the_matrix(dtype, monkeypatch):
    monkeypatch.setattr(history, "_COLUMNS", 7)  # blocks that do not divide the length
    random = torch.Generator().manual_seed(0)
    vector, matrix = torch.randn(30, generator=random), torch.randn(3, 30, generator=random)
    rows = VectorRows(5, vector, dtype)
    for row in range(3):
        rows[row].copy_(matrix[row])
    kept = matrix.to(dtype).double()
    assert torch.equal(rows.used.double(), kept)
    torch.testing.assert_close(rows.dot(vector), kept @ vector.double(), rtol=1e-5, atol=1e-5)
    weights = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64)
    before = vector.clone()
    got = rows.add_to(vector, weights)
    assert got is vector
    expected = before.double() + kept.T @ weights
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-5)


def test_rows_travel(monkeypatch):
    monkeypatch.setattr(history, "_COLUMNS", 4)
    like = torch.zeros(6)
    rows = VectorRows(4, like, torch.bfloat16)
    rows[1].copy_(torch.arange(6.0))
    rows[0].zero_()
    other = VectorRows(4, like, torch.bfloat16)
    other.stored = torch.from_numpy(
        rows.stored.numpy().copy()
    )  # as a file does: numpy has no bfloat16
    assert torch.equal(other.used, rows.used)
    assert len(other.used) == 2
