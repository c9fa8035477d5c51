"""Animations through `impasto apply`: frames, times, loops and what is transparent."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.images import read_recipe
from impasto.options import ReadOptions
from impasto.video.animation import find_animation, stylise_animation
from video.making import Plain, apart, picture

READ = ReadOptions()


def clip(path, alpha=None, count=4, **how):
    """Write an animation that moves."""
    frames = [picture(k) for k in range(count)]
    if alpha is not None:
        frames = [np.dstack([frame, alpha]) for frame in frames]
    first, *others = [Image.fromarray(frame) for frame in frames]
    how = {"duration": [40, 80, 120, 200][:count], **how}
    first.save(path, save_all=True, append_images=others, disposal=2, **how)
    return path


def shown(path):
    """Return the frames as RGBA, their times in milliseconds, and the loop."""
    frames, durations = [], []
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            frames.append(np.array(image.convert("RGBA")))
            durations.append(image.info["duration"])
        return frames, durations, image.info.get("loop")


def stylise(photo, out, stability=0.0, size=None, read=READ):
    animation = find_animation(photo.read_bytes(), str(photo), read)
    made = stylise_animation(Plain(), animation, stability=stability, size=size, read=read)
    made.save(out)
    assert read_recipe(out)["negative"]
    return shown(out)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
@pytest.mark.parametrize("form", ["out.gif", "out.webp"])
def test_frames_times_and_loops_stay(tmp_path, name, form):
    photo = clip(tmp_path / name, loop=3, **({"lossless": True} if name == "a.webp" else {}))
    frames, durations, loop = stylise(photo, tmp_path / form)
    assert (durations, loop) == ([40, 80, 120, 200], 3)
    for number, frame in enumerate(frames):
        assert apart(frame[:, :, :3], 255 - picture(number)) < 12
        assert frame[:, :, 3].min() == 255


@pytest.mark.parametrize("form", ["out.gif", "out.webp"])
def test_what_is_transparent_stays(tmp_path, form):
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, :32] = 255
    frames, _, _ = stylise(clip(tmp_path / "a.webp", alpha, lossless=True), tmp_path / form)
    for number, frame in enumerate(frames):
        assert apart(frame[:, :, 3], alpha) < 1
        assert apart(frame[:, 4:28, :3], 255 - picture(number)[:, 4:28]) < 12


def test_sizes_and_limits(tmp_path):
    photo = clip(tmp_path / "a.gif")
    frames, _, _ = stylise(photo, tmp_path / "out.gif", size=32, stability=0.9)
    assert frames[0].shape == (24, 32, 4)
    with pytest.raises(ImageError, match="4 frames of 64x48, more than 10,000 pixels in total"):
        stylise(photo, tmp_path / "out.gif", read=ReadOptions(max_pixels=10_000))


def test_what_moves(tmp_path):
    found = find_animation(clip(tmp_path / "a.gif").read_bytes(), "a.gif", READ)
    assert (found.frames, found.width, found.height) == (4, 64, 48)
    first, second = (Image.fromarray(picture(number)) for number in range(2))
    first.save(tmp_path / "b.webp")
    first.save(tmp_path / "c.tif", save_all=True, append_images=[second])
    first.save(tmp_path / "d.jpg", "MPO", save_all=True, append_images=[second])
    for name in ("b.webp", "c.tif", "d.jpg"):
        assert find_animation((tmp_path / name).read_bytes(), name, READ) is None


def test_progress(tmp_path):
    animation = find_animation(clip(tmp_path / "a.gif").read_bytes(), "a.gif", READ)
    told = []
    stylise_animation(Plain(), animation, stability=0, size=None, read=READ, progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1]
