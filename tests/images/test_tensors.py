from __future__ import annotations

import numpy as np
import pytest
import torch

from images import making
from impasto.images.tensors import to_array, to_tensor

RGB = making.colours(5, 7).astype(np.float32) / 255


def test_there_and_back():
    tensor = to_tensor(RGB)
    assert tensor.shape == (1, 3, 5, 7)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert tensor[0, 2, 4, 6] == RGB[4, 6, 2]
    back = to_array(tensor)
    assert back.dtype == np.float32
    assert back.flags.c_contiguous
    np.testing.assert_array_equal(back, RGB)


@pytest.mark.parametrize("shape", [(5, 7, 3), (1, 1, 3), (1, 4, 3)])
def test_both_ways_copy(shape):
    rgb = np.full(shape, 0.5, np.float32)
    tensor = to_tensor(rgb)
    rgb[:] = 0
    assert tensor.min() == 0.5
    array = to_array(tensor)
    tensor.zero_()
    assert array.min() == 0.5


def test_to_array_clips_and_takes_what_an_optimiser_holds():
    tensor = torch.tensor([-1.0, 0.25, 2.0], dtype=torch.float64).reshape(1, 3, 1, 1)
    assert to_array(tensor.requires_grad_()).ravel().tolist() == [0, 0.25, 1]
    assert to_array(tensor.to(torch.bfloat16)).ravel().tolist() == [0, 0.25, 1]


def test_one_picture_at_a_time():
    with pytest.raises(ValueError, match="batch of 2"):
        to_array(torch.zeros(2, 3, 4, 4))
