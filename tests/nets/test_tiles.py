"""Tiles cover everything once, and what they see around them is enough."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.nets import vgg
from impasto.nets.feature_net import VGG19
from impasto.nets.tiles import split, unwrapped, wrapped
from nets import reference

QUICK = settings(max_examples=100, deadline=None, derandomize=True)


@QUICK
@given(
    height=st.integers(16, 400),
    width=st.integers(16, 400),
    side=st.one_of(st.none(), st.integers(1, 500)),
    name=st.sampled_from(VGG19.names),
)
def test_the_tiles_own_every_feature_once(height, width, side, name):
    stride = VGG19.layer(name).stride
    height, width = max(height, stride), max(width, stride)
    tiles = split(height, width, side, VGG19, [name, "relu1_1"])
    for layer in {"relu1_1", name}:
        s = VGG19.layer(layer).stride
        covered = torch.zeros(1, 1, height // s, width // s)
        for tile in tiles:
            outer = tile.cut(torch.zeros(1, 1, height, width))
            features = torch.ones(1, 1, outer.shape[2] // s, outer.shape[3] // s)
            own = tile.own(features, s)
            tile.part(covered, s).add_(own)  # the shapes agree
            assert own.numel() > 0
        assert bool((covered == 1).all())
    if side is None:
        assert len(tiles) == 1
    else:
        # The last may own what is left over, less than one feature.
        most = max(side, stride) + stride - 1
        assert all(t.rows.stop - t.rows.start <= most for t in tiles)
        assert all(t.columns.stop - t.columns.start <= most for t in tiles)


@pytest.mark.parametrize("name", ["relu1_1", "conv3_1", "relu4_2", "pool4", "relu5_1"])
def test_the_margin_is_what_the_features_depend_on(name):
    """By the gradient of one feature: no input beyond the margin matters, and some near it do."""
    net = vgg.VGG(
        reference.narrow((2, 2, 2, 2, 2), positive=True),
        mean=(0, 0, 0),
        scale=(1, 1, 1),
        bgr=False,
        pooling="average",
    )
    stride, margin = VGG19.layer(name).stride, VGG19.margin([name])
    image = torch.rand(1, 3, 32, 640).requires_grad_(True)
    features = net(image, [name])[name]
    middle = features.shape[-1] // 2
    (gradient,) = torch.autograd.grad(features[..., middle].sum(), image)
    used = gradient.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
    before = middle * stride - int(used[0])
    after = int(used[-1]) - ((middle + 1) * stride - 1)
    assert max(before, after) <= margin
    assert max(before, after) > margin - stride
    assert margin % stride == 0


def test_a_wrapped_picture_has_itself_around_and_unwrapping_is_the_adjoint():
    random = torch.Generator().manual_seed(0)
    x = torch.rand(1, 2, 5, 7, generator=random)
    around = wrapped(x, 8)  # more than the picture
    assert around.shape == (1, 2, 21, 23)
    assert torch.equal(around, x.tile(1, 1, 6, 6)[..., 2:23, 6:29])
    y = torch.rand(around.shape, generator=random)
    assert float((around * y).sum()) == pytest.approx(float((x * unwrapped(y, 8)).sum()), rel=1e-5)
