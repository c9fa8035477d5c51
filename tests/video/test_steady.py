"""Optical flow against motion that is known, and what is carried along."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from impasto import samples
from impasto.video.flow import FlowEstimator, resized, resized_flow, small, warped
from impasto.video.steady import Carrier, Follower, Motion, moments_share
from video.making import apart


def view(right=0.0, down=0.0, photo="astronaut", height=120, width=160):
    """A photo as a camera sees it that has moved by so many pixels."""
    rgb = np.ascontiguousarray(samples.photo(photo)[:300, :400]).astype(np.float32)
    rgb = cv2.resize(rgb, (300, 225), interpolation=cv2.INTER_AREA)
    shift = np.broadcast_to(np.float32([right, down]), (225, 300, 2))
    seen = warped(rgb, shift, sharp=True)[40 : 40 + height, 60 : 60 + width]
    return np.rint(np.clip(seen, 0, 255)).astype(np.uint8)


def between(one, other):
    flows = FlowEstimator().between(small(one), small(other))
    return [resized_flow(flow, *one.shape[:2]) for flow in flows]


def length(flow):
    """The length of the flow away from the edges."""
    return np.linalg.norm(flow[20:-20, 20:-20], axis=2)


@pytest.mark.parametrize(("right", "down"), [(0.4, 0), (3, -2), (-11.5, 6.25), (18, -9)])
def test_flow_is_the_motion_of_the_camera(right, down):
    there, back = between(view(right, down), view())
    moved = np.float32([right, down])
    assert np.median(length(there - moved)) < 0.15
    assert np.median(length(back + moved)) < 0.15


def test_flow_of_what_turns_is_that_of_its_places():
    y, x = np.mgrid[:120, :160].astype(np.float32)
    turn = 0.04 * np.stack((60 - y, x - 80), axis=-1)
    turned = warped(view(), turn, sharp=True)
    there, _ = between(turned, view())
    assert np.median(length(there - turn)) < 0.2


def test_flow_does_not_follow_the_light():
    darker = np.rint(view(3, -2) * 0.8).astype(np.uint8)
    there, _ = between(darker, view())
    assert abs(np.median(there[20:-20, 20:-20, 0]) - 3) < 0.3


def test_flow_is_the_same_on_any_number_of_processors():
    threads, found = cv2.getNumThreads(), []
    try:
        for count in (1, 2, 5):
            cv2.setNumThreads(count)
            found.append(between(view(3, -2), view()))
    finally:
        cv2.setNumThreads(threads)
    for there, back in found[1:]:
        np.testing.assert_array_equal(there, found[0][0])
        np.testing.assert_array_equal(back, found[0][1])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 300), (7, 5), (1, 3000), (33, 31)])
def test_tiny_frames_have_flow(height, width):
    follower = Follower()
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (2, height, width, 3), np.uint8)
    assert follower.follow(frames[0]) is None
    motion = follower.follow(frames[1])
    assert motion.flow.shape == (*motion.holds.shape, 2)
    assert np.isfinite(motion.flow).all()
    carrier = Carrier(0.9)
    carrier.blended(frames[0], None)
    assert carrier.blended(frames[1], carrier.carried(motion)).shape == (height, width, 3)


def test_flow_is_resized_in_pixels():
    flow = np.broadcast_to(np.float32([4, -6]), (20, 30, 2))
    np.testing.assert_allclose(resized_flow(flow, 10, 60)[5, 30], [8, -3], rtol=1e-6)


def follow(*frames):
    """Return the motion of the last frame, at its size."""
    follower, (height, width) = Follower(), frames[-1].shape[:2]
    motion = [follower.follow(frame) for frame in frames][-1]
    flow, holds = resized_flow(motion.flow, height, width), resized(motion.holds, height, width)
    return replace(motion, flow=flow, holds=holds)


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
    assert (motion.flow == 0).all(2).mean() > 0.8
    assert motion.holds.mean() > 0.8


def test_what_came_into_view_is_not_carried():
    before = view()
    after = before.copy()
    after[40:80, 50:100] = view(photo="coffee")[40:80, 50:100]
    holds = follow(before, after).holds
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
    beside = (slice(44, 76), slice(109, 112))  # nearer than a window of the flow reaches
    assert np.abs(motion.flow[beside]).max() == 0
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


def test_detail_keeps_its_contrast_however_often_it_moves():
    random = np.random.default_rng(0)
    carrier, contrasts = Carrier(0.95), []
    motion = Motion(np.full((96, 128, 2), 0.5, np.float32), np.ones((96, 128), np.float32), False)
    for _ in range(60):
        strokes = cv2.GaussianBlur(random.random((96, 128), np.float32), (0, 0), 1)
        own = np.repeat(np.uint8(np.clip(128 + 400 * (strokes - 0.5), 0, 255))[..., None], 3, 2)
        made = carrier.blended(own, carrier.carried(motion))
        contrasts.append(made[16:-16, 16:-16].std() / own[16:-16, 16:-16].std())
        assert carrier.state()["gained"].max() < 2.2, "more than that is painted anew"
    assert min(contrasts) > 0.75
    assert np.mean(contrasts) > 0.86
