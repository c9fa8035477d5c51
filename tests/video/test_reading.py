"""Films in: what lies in files of all kinds, and what is wrong with some."""

from __future__ import annotations

import os
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError, Notice
from impasto.options import ReadOptions, VideoOptions
from impasto.video.reading import Film, sample_frames
from video.making import apart, av, film, picture, write


def frames(path, **options):
    return list(Film(path, VideoOptions(**options)).frames_after())


def test_frames_are_those_that_were_written(tmp_path):
    found = frames(film(tmp_path / "a.mp4"))
    assert [frame.pts * Film(tmp_path / "a.mp4").time_base for frame in found] == [
        Fraction(k, 25) for k in range(12)
    ]
    for number, frame in enumerate(found):
        assert frame.rgb.shape == (48, 64, 3)
        assert apart(frame.rgb, picture(number)) < 4
    assert all(frame.alpha is None for frame in found)


def test_a_variable_frame_rate_stays(tmp_path):
    stamps = [0, 1, 5, 6, 20, 21]
    path = film(tmp_path / "a.mkv", 6, stamps=stamps, base=Fraction(1, 100))
    opened = Film(path)
    assert [f.pts * opened.time_base for f in opened.frames_after()] == [
        Fraction(stamp, 100) for stamp in stamps
    ]


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotation_is_applied_once(tmp_path, angle, turns):
    path = film(tmp_path / "a.mp4", 3, rotation=angle)
    opened = Film(path)
    assert (opened.width, opened.height) == ((48, 64) if turns % 2 else (64, 48))
    (first, *_) = opened.frames_after()
    assert apart(first.rgb, np.rot90(picture(0), turns)) < 4


def test_going_on_after_any_frame(tmp_path):
    path = film(tmp_path / "a.mp4", 30, settings={"g": "8", "bf": "2"})
    stamps = [frame.pts for frame in frames(path)]
    for number in (0, 6, 17, 28):
        found = [frame.pts for frame in Film(path).frames_after(stamps[number])]
        assert found == stamps[number + 1 :]


def test_a_part_of_a_film(tmp_path):
    path = film(tmp_path / "a.mp4", 50)
    found = frames(path, start=0.4, end=1.2)
    assert len(found) == 20
    assert found[0].pts == 0
    assert apart(found[0].rgb, picture(10)) < 4
    few = Film(path, VideoOptions(start=0.4, end=1.2, fps=5))
    assert few.frames == 4
    assert [frame.pts * few.time_base for frame in few.frames_after()] == [
        Fraction(k, 5) for k in range(4)
    ]
    assert few.frames == 4
    with pytest.raises(ImageError, match=r"has no frame after --start 9 s; it is 2 s long"):
        frames(path, start=9)


def test_sizes_and_samples(tmp_path):
    path = film(tmp_path / "a.mp4", 20)
    assert (Film(path, size=32).width, Film(path, size=32).height) == (32, 24)
    (first, *_) = Film(path, size=32).frames_after()
    assert first.rgb.shape == (24, 32, 3)
    found = sample_frames(Film(path), 4)
    assert len(found) == 4
    assert apart(found[0], found[-1]) > 5
    with pytest.raises(ImageError, match="64x48 pixels, more than the 1,000 allowed"):
        Film(path, read=ReadOptions(max_pixels=1000))


def test_transparency_is_read(tmp_path):
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, :32] = 255
    pictures = [np.dstack([picture(k), alpha]) for k in range(3)]
    for name, how in {
        "a.mov": {"codec": "prores_ks", "pixels": "yuva444p10le"},
        "a.webm": {"codec": "libvpx-vp9", "pixels": "yuva420p", "metadata": {"alpha_mode": "1"}},
    }.items():
        opened = Film(write(tmp_path / name, pictures, **how))
        assert opened.alpha
        (first, *_) = opened.frames_after()
        assert apart(first.alpha[:, 4:60], alpha[:, 4:60]) < 8
        assert apart(first.rgb[:, 4:28], pictures[0][:, 4:28, :3]) < 8


def test_what_somebody_ought_to_know(tmp_path):
    ten = film(tmp_path / "ten.mkv", 2, codec="libx265", pixels="yuv420p10le",
               settings={"x265-params": "log-level=none"})  # fmt: skip
    assert Film(ten).notices == ["has 10 bits per channel; frames are converted to 8 bits"]
    hdr = film(tmp_path / "hdr.mkv", 2, codec="libx265", pixels="yuv420p10le",
               settings={"x265-params": "log-level=none"},
               tags={"color_primaries": 9, "color_trc": 16, "colorspace": 9})  # fmt: skip
    opened = Film(hdr)
    assert opened.notices == ["is HDR (PQ); its light is compressed into sRGB"]
    with pytest.warns(match="HDR"):
        opened.tell()
    (first, *_) = opened.frames_after()
    assert first.rgb.max() <= 255


def test_interlaced_fields_become_frames(tmp_path):
    path = film(tmp_path / "a.mkv", 6, settings={"x264-params": "tff=1"})
    opened = Film(path)
    assert any("interlaced" in told for told in opened.notices)
    found = list(opened.frames_after())
    assert len(found) == 6
    assert apart(found[2].rgb, picture(2)) < 8


def test_pixels_that_are_not_square(tmp_path):
    opened = Film(film(tmp_path / "a.mkv", 2, settings={"x264-params": "sar=2/1"}))
    assert (opened.width, opened.height) == (128, 48)
    assert opened.notices == ["has pixels that are not square; frames become 128x48"]


def test_damaged_and_foreign_files(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\na.mp4\n")
    whole = film(tmp_path / "a.mp4", 12).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 3])
    os.mkfifo(tmp_path / "pipe.mp4")
    with av.open(str(tmp_path / "sound.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        silence = av.AudioFrame.from_ndarray(
            np.zeros((2, 1024), np.float32), format="fltp", layout="stereo"
        )
        silence.sample_rate = 48000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    for name, told in {
        "nowhere.mp4": "no such file",
        "empty.mp4": r"is empty \(0 bytes\)",
        "text.mp4": "cannot be read as a film",
        "list.m3u8": "cannot be read as a film",
        "half.mp4": "cannot be read as a film|no frame can be decoded",
        "pipe.mp4": "is not a regular file",
        "sound.m4a": "has only sound",
        ".": "is a folder",
    }.items():
        with pytest.raises(ImageError, match=told):
            Film(tmp_path / name)


@pytest.mark.filterwarnings("ignore:.*damaged packets were skipped")
def test_damage_in_the_middle_is_passed_over(tmp_path):
    path = film(tmp_path / "a.ts", 40, settings={"g": "5"}, form="mpegts")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = bytes(range(200)) * 3
    path.write_bytes(data)
    opened = Film(path)
    found = list(opened.frames_after())
    assert 20 <= len(found) <= 40


def test_an_animation_and_one_frame(tmp_path):
    (found,) = frames(film(tmp_path / "a.mp4", 1))
    assert apart(found.rgb, picture(0)) < 4
    shown = [Image.fromarray(picture(k)) for k in range(3)]
    shown[0].save(tmp_path / "a.gif", save_all=True, append_images=shown[1:], duration=100)
    assert len(frames(tmp_path / "a.gif")) == 3


def test_frames_that_grow_over_the_limit_are_not_decoded(tmp_path):
    small, large = (
        film(tmp_path / f"{width}.h264", 4, width, width).read_bytes() for width in (64, 640)
    )
    path = tmp_path / "grows.h264"
    path.write_bytes(small + large)
    found = Film(path, read=ReadOptions(max_pixels=100_000))
    with pytest.warns(Notice, match="damaged packets"):
        frames = list(found.frames_after())
    assert {frame.rgb.shape for frame in frames} == {(64, 64, 3)}
