"""Optical flow against motion that is known, and what is carried along."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto import samples
from impasto.video import flow
from impasto.video.steady import Carrier, Follower, array, moments_share, tensor
from video.making import apart


def view(right=0.0, down=0.0, photo="astronaut", height=120, width=160):
    """A photo as a camera sees it that has moved by so many pixels."""
    rgb = tensor(np.ascontiguousarray(samples.photo(photo)[:300, :400]))
    rgb = torch.nn.functional.interpolate(rgb, size=[225, 300], mode="bilinear", antialias=True)
    shift = torch.tensor([right, down])[None, :, None, None].expand(1, 2, 225, 300)
    seen = array(flow.warped(rgb, shift, "bicubic"))[40 : 40 + height, 60 : 60 + width]
    return np.rint(np.clip(seen, 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize(("right", "down"), [(0.4, 0), (3, -2), (-11.5, 6.25)])
def test_flow_is_the_motion_of_the_camera(right, down):
    there, back = flow.between(flow.small(tensor(view(right, down))), flow.small(tensor(view())))
    expected = torch.tensor([right, down])[None, :, None, None]
    inner = (..., slice(20, -20), slice(20, -20))
    assert (there - expected)[inner].norm(dim=1).median() < 0.15
    assert (back + expected)[inner].norm(dim=1).median() < 0.2


def test_flow_of_what_turns_is_that_of_its_places():
    rgb = tensor(view())
    y, x = torch.meshgrid(torch.arange(120.0), torch.arange(160.0), indexing="ij")
    turn = 0.04 * torch.stack((60 - y, x - 80))[None]
    turned = flow.warped(rgb, turn, "bicubic")
    there, _ = flow.between(flow.small(turned), flow.small(rgb))
    error = (there - turn)[..., 20:-20, 20:-20].norm(dim=1)
    assert error.median() < 0.2


def test_flow_is_sharp_at_the_edge_of_what_moves():
    thing, before, after = view(photo="coffee")[40:80, 50:100], view(), view(2)
    before[40:80, 50:100] = thing
    after[40:80, 56:106] = thing
    there, _ = flow.between(flow.small(tensor(after)), flow.small(tensor(before)))
    right = there[0, 0, 44:76]
    assert (right[:, 101:105] + 6).abs().mean() < 0.3
    assert (right[:, 108:112] - 2).abs().mean() < 0.3


def test_flow_does_not_follow_the_light():
    one, other = view(3, -2), view()
    darker = np.rint(one * 0.8).astype(np.uint8)
    there, _ = flow.between(flow.small(tensor(darker)), flow.small(tensor(other)))
    assert (there[0, 0, 20:-20, 20:-20].median() - 3).abs() < 0.3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 300), (7, 5)])
def test_tiny_frames_have_flow(height, width):
    follower = Follower()
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (2, height, width, 3), np.uint8)
    assert follower.follow(frames[0]) is None
    motion = follower.follow(frames[1])
    assert motion.flow.shape[1] == 2
    assert torch.isfinite(motion.flow).all()


def follow(*frames):
    follower = Follower()
    return [follower.follow(frame) for frame in frames][-1]


def test_a_cut_is_found_and_a_moving_camera_is_none():
    assert follow(view(), view(photo="coffee")).cut
    assert not follow(view(), view(9, 4)).cut
    assert not follow(view(), np.rint(view() * 0.9).astype(np.uint8)).cut


def test_grain_does_not_move():
    random = np.random.default_rng(0)
    still = view().astype(np.float32)
    noisy = [
        np.clip(still + random.normal(0, 5, still.shape), 0, 255).astype(np.uint8) for _ in range(2)
    ]
    motion = follow(*noisy)
    assert (motion.flow == 0).all(1).float().mean() > 0.8
    assert motion.holds.mean() > 0.8


def test_what_came_into_view_is_not_carried():
    before = view()
    after = before.copy()
    after[40:80, 50:100] = view(photo="coffee")[40:80, 50:100]
    holds = follow(before, after).holds[0, 0]
    assert holds[45:75, 55:95].mean() < 0.35
    assert holds[:30].mean() > 0.9


def test_what_is_carried_follows_and_is_capped():
    follower, carrier = Follower(), Carrier(1.0)
    red = np.zeros((120, 160, 3), np.uint8)
    red[:, :, 0] = 255
    follower.follow(view())
    carrier.blended(red, None)
    blue = red[:, :, ::-1].copy()
    made = carrier.blended(blue, carrier.carried(follower.follow(view())))
    assert made[..., 0].max() < 255 * 0.995
    assert made[..., 2].min() > 255 * 0.005
    rest = follower.follow(view())
    for _ in range(700):
        made = carrier.blended(blue, carrier.carried(rest))
    assert apart(made, blue) < 2, "nothing stays for ever"


def test_at_stability_0_nothing_is_carried():
    follower, carrier = Follower(), Carrier(0.0)
    follower.follow(view())
    carrier.blended(view(), None)
    made = carrier.blended(view(3), carrier.carried(follower.follow(view(3))))
    np.testing.assert_array_equal(made, view(3))
    assert moments_share(0) == 1


def test_what_is_beside_something_that_moves_stays_at_rest():
    still, moving = view(), view(photo="coffee")
    before, after = still.copy(), still.copy()
    before[40:80, 50:100] = moving[40:80, 50:100]
    after[40:80, 56:106] = moving[40:80, 50:100]
    motion = follow(before, after)
    beside = (..., slice(44, 76), slice(109, 112))  # nearer than a window of the flow reaches
    assert motion.flow[beside].abs().max() == 0
    assert motion.holds[beside].mean() > 0.9


def test_sharp_strokes_are_carried_and_faded_ones_are_painted_again():
    random = np.random.default_rng(0)
    before, own = random.integers(0, 2, (2, 120, 160, 1)).astype(np.uint8).repeat(3, 3) * 255
    follower, carrier = Follower(view()), Carrier(0.95)
    rest = follower.follow(view())
    carrier.blended(before, None)
    assert apart(carrier.blended(own, carrier.carried(rest)), before) < 3
    faded = np.rint(128 + 0.4 * (before.astype(np.float32) - 128)).astype(np.uint8)
    carrier.blended(faded, None)
    assert apart(carrier.blended(own, carrier.carried(rest)), own) < 1
