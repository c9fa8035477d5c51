"""Animations through `impasto apply`: frames, times, loops and what is transparent."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.options import ReadOptions, SaveOptions
from impasto.video.animation import is_animation, stylise_animation
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
    stylise_animation(
        Plain(), photo, out, stability=stability, size=size, save=SaveOptions(), read=read
    )
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
    with pytest.raises(ImageError, match="4 frames of 64x48, more than 10,000 pixels in all"):
        stylise(photo, tmp_path / "out.gif", read=ReadOptions(max_pixels=10_000))
    (tmp_path / "no.gif").write_bytes(b"GIF89a no")
    with pytest.raises(ImageError):
        stylise(tmp_path / "no.gif", tmp_path / "out.gif")


def test_what_moves(tmp_path):
    assert is_animation(clip(tmp_path / "a.gif"), READ)
    Image.fromarray(picture(0)).save(tmp_path / "b.webp")
    assert not is_animation(tmp_path / "b.webp", READ)
