"""Weights that make styles equally strong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.images.tensors import to_tensor
from impasto.nets.vgg import VGG19
from impasto.samples import painting, photo
from impasto.training.calibrate import DISTANCE, Calibration
from impasto.training.criterion import PerceptualLoss


@pytest.fixture(scope="module")
def loss(net: VGG19) -> PerceptualLoss:
    return PerceptualLoss(
        net, content_layers=["relu2_2"], style_layers={"relu1_1": 1, "relu2_1": 1}, tv_weight=0
    )


def _photos() -> torch.Tensor:
    crops = [
        photo(name)[100:164, 100:164, :3] / np.float32(255) for name in ("astronaut", "coffee")
    ]
    return torch.cat([to_tensor(crop) for crop in crops])


@pytest.mark.parametrize("name", ["swirls", "dots"])
def test_paintings_end_as_far_from_the_photo_as_asked(loss: PerceptualLoss, name: str) -> None:
    style = to_tensor(painting(name, 96, 80).astype(np.float32) / 255)
    photos = _photos()
    calibration = Calibration(loss, photos, loss.grams(style))
    weight = calibration.run()
    assert calibration.content == pytest.approx(DISTANCE, rel=0.35)
    assert weight > 0
    assert not photos.equal(calibration.paintings)
    assert bool((calibration.paintings >= 0).all() and (calibration.paintings <= 1).all())


def test_the_photo_as_its_own_style_is_no_endless_weight(loss: PerceptualLoss) -> None:
    """A painting that changes nothing asks for all weight there is, and gets a bounded one."""
    photos = _photos()[:1]
    calibration = Calibration(loss, photos, loss.grams(photos))
    assert 1 <= calibration.run() <= 1e4
