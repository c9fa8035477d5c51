"""Whole films: sound, time stamps, cuts, what is kept and what goes on after a kill."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import impasto
from apply import making
from impasto.apply.network import Network
from impasto.errors import CheckpointError, ImageError, Notice, OptionsError, OutputError
from impasto.events import Saved
from impasto.options import VideoOptions
from impasto.video.events import FilmStarted, FramePainted
from impasto.video.frames import NetworkStylizer
from impasto.video.reading import Film, Frame
from impasto.video.stylizer import VideoStylizer
from impasto.video.writing import read_recipe
from patience import LIMIT, Clock, one_thread
from video.making import Plain, apart, decoded, film, packets, picture, with_subtitles, write


def stylise(clip, out, frames=None, resume=False, **options):
    stylizer = VideoStylizer(
        frames or Plain(), clip, out, VideoOptions(stability=0, **options), resume=resume
    )
    return list(stylizer)


def left_over(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_film_is_painted_frame_by_frame(tmp_path):
    clip, out = film(tmp_path / "a.mp4", 10, sound="aac"), tmp_path / "out.mp4"
    started, *painted, saved = stylise(clip, out)
    assert started == FilmStarted(64, 48, 10, 0)
    assert saved == Saved(out, "film")
    assert [event.frame for event in painted] == list(range(1, 11))
    assert painted[-1].remaining == 0
    pictures, times = decoded(out)
    assert times == decoded(clip)[1] == [Fraction(k, 25) for k in range(10)]
    for number, shown in enumerate(pictures):
        assert apart(shown, 255 - picture(number)) < 8
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "plays before it is all there"
    assert '"negative": true' in read_recipe(out)
    assert left_over(tmp_path) == []


def test_subtitles_are_copied_where_the_container_has_them(tmp_path):
    clip = with_subtitles(film(tmp_path / "a.mkv", 12, sound="aac"), tmp_path / "b.mkv")
    stylise(clip, tmp_path / "out.mkv")
    assert packets(tmp_path / "out.mkv", "subtitles") == packets(clip, "subtitles")
    assert [time for time, _ in packets(clip, "subtitles")] == [Fraction(1, 10), Fraction(3, 10)]
    stylise(clip, tmp_path / "later.mkv", start=0.2)
    assert [time for time, _ in packets(tmp_path / "later.mkv", "subtitles")] == [Fraction(1, 10)]
    with pytest.warns(Notice, match=r"its subtitles \(srt\) are dropped"):
        stylise(clip, tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4")[0]) == 12


@pytest.mark.parametrize(("sound", "name"), [("aac", "out.mp4"), ("flac", "out.mkv")])
def test_sound_is_copied_to_the_bit(tmp_path, sound, name):
    clip = film(tmp_path / "a.mkv", 20, sound=sound)
    stylise(clip, tmp_path / name)
    before, after = packets(clip, "audio"), packets(tmp_path / name, "audio")
    assert [data for _, data in after] == [data for _, data in before]
    for (one, _), (other, _) in zip(before, after, strict=True):
        assert abs(one - other) <= Fraction(1, 1000)


def test_a_part_has_its_own_sound(tmp_path):
    clip, out = film(tmp_path / "a.mp4", 50, sound="aac"), tmp_path / "out.mp4"
    stylise(clip, out, start=0.8, end=1.6)
    pictures, times = decoded(out)
    assert len(pictures) == 20
    assert times[0] == 0
    begin, end = Fraction(4, 5), Fraction(8, 5)
    before = [data for time, data in packets(clip, "audio") if begin <= time < end]
    assert [data for _, data in packets(out, "audio")] == before
    assert packets(out, "audio")[0][0] < Fraction(1, 40)


def test_time_stamps_stay_over_seams(tmp_path):
    stamps = [0, 1, 5, 6, 20, 21, 22, 40, 41, 50, 51]
    clip = film(tmp_path / "a.mov", 11, stamps=stamps, base=Fraction(1, 100))
    stylise(clip, tmp_path / "out.mp4")
    assert decoded(tmp_path / "out.mp4")[1] == [Fraction(stamp, 100) for stamp in stamps]


def test_rotation_and_odd_sides(tmp_path):
    clip = film(tmp_path / "a.mp4", 3, rotation=90)
    stylise(clip, tmp_path / "out.mp4")
    pictures, _ = decoded(tmp_path / "out.mp4")
    assert pictures[0].shape == (64, 48, 3)
    assert apart(pictures[0], 255 - np.rot90(picture(0))) < 8
    odd = film(tmp_path / "odd.mkv", 3, 51, 33, codec="ffv1", pixels="bgr0")
    with pytest.warns(match="is 51x33, but h264 needs even sides; the result is 52x34"):
        stylise(odd, tmp_path / "odd.mp4")
    pictures, _ = decoded(tmp_path / "odd.mp4")
    assert pictures[0].shape == (34, 52, 3)
    stylise(odd, tmp_path / "same.mkv", codec="ffv1")
    pictures, _ = decoded(tmp_path / "same.mkv")
    np.testing.assert_array_equal(pictures[1], 255 - picture(1, 51, 33))


@pytest.mark.filterwarnings("ignore:.*frames are converted to 8 bits")
def test_transparency_is_kept_where_it_can(tmp_path):
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, :32] = 255
    pictures = [np.dstack([picture(k), alpha]) for k in range(3)]
    clip = write(tmp_path / "a.mov", pictures, codec="prores_ks", pixels="yuva444p10le")
    for name in ("out.mov", "out.webm", "out.mkv"):
        stylise(clip, tmp_path / name)
        (first, *_) = Film(tmp_path / name).frames_after()
        assert apart(first.alpha[:, 4:60], alpha[:, 4:60]) < 8
        assert apart(first.rgb[:, 4:28], 255 - picture(0)[:, 4:28]) < 10
    with pytest.warns(match="h264 does not support; frames are composited on white"):
        stylise(clip, tmp_path / "out.mp4")
    assert decoded(tmp_path / "out.mp4")[0][0][:, 40:].min() > 245


@pytest.mark.parametrize("name", ["hevc", "av1", "vp9", "prores"])
def test_other_codecs(tmp_path, name):
    out = tmp_path / ("out.mov" if name == "prores" else "out.mp4")
    stylise(film(tmp_path / "a.mp4", 6, sound="aac"), out, codec=name)
    pictures, times = decoded(out)
    assert times == [Fraction(k, 25) for k in range(6)]
    assert apart(pictures[3], 255 - picture(3)) < 12


def test_what_cannot_be_is_told_before_the_work(tmp_path):
    clip = film(tmp_path / "a.mp4", 2, sound="aac")
    for name, options, error, told in (
        ("out.avi", {}, OutputError, "the extension '.avi'"),
        ("out.webm", {}, OutputError, r"a .webm file cannot contain the sound of the clip \(aac\)"),
        ("out.mp4", {"codec": "prores"}, OutputError, "a .mp4 file cannot contain prores"),
        ("out.mov", {"codec": "prores", "crf": 20}, OptionsError, "--crf applies to"),
        ("out.mp4", {"crf": 60}, OptionsError, "at most 51 for h264"),
        ("a.mp4", {}, OutputError, "is also an input"),
    ):
        with pytest.raises(error, match=told):
            stylise(clip, tmp_path / name, **options)
    (tmp_path / "none.mp4").touch()
    with pytest.raises(ImageError, match="is empty"):
        stylise(tmp_path / "none.mp4", tmp_path / "out.mp4")
    assert left_over(tmp_path) == []


def test_a_run_that_was_stopped_goes_on_to_the_same_film(tmp_path):
    clip = film(tmp_path / "a.mp4", 14, sound="aac")
    stylise(clip, tmp_path / "whole.mp4")
    out, frames = tmp_path / "out.mp4", Plain()
    frames.stop_after = 10
    with pytest.raises(KeyboardInterrupt):
        stylise(clip, out, frames)
    assert not out.exists()
    assert len(left_over(tmp_path)) == 1
    frames = Plain()
    started, *painted, _ = stylise(clip, out, frames, resume=True)
    assert started.done == 8
    assert [event.frame for event in painted] == list(range(9, 15))
    assert len(frames.seen) == 6
    assert packets(out, "video") == packets(tmp_path / "whole.mp4", "video")
    assert packets(out, "audio") == packets(tmp_path / "whole.mp4", "audio")
    assert left_over(tmp_path) == []


def test_stopping_gently_keeps_the_last_frame(tmp_path):
    clip, out = film(tmp_path / "a.mp4", 9), tmp_path / "out.mp4"
    stylizer = VideoStylizer(Plain(), clip, out, VideoOptions(stability=0))
    for event in stylizer:
        if isinstance(event, FramePainted) and event.frame == 6:
            stylizer.stop()
    assert stylizer.stopped
    assert not out.exists()
    started, *_ = stylise(clip, out, resume=True)
    assert started.done == 6
    assert decoded(out)[1] == [Fraction(k, 25) for k in range(9)]


def test_another_film_does_not_go_on(tmp_path):
    clip, out, frames = film(tmp_path / "a.mp4", 9), tmp_path / "out.mp4", Plain()
    frames.stop_after = 5
    with pytest.raises(KeyboardInterrupt):
        stylise(clip, out, frames)
    with pytest.raises(CheckpointError, match="crf"):
        stylise(clip, out, resume=True, crf=30)
    stylise(clip, out)
    assert left_over(tmp_path) == []


def network(pack=None, backend="torch", threads=1):
    pack = pack or making.pack()
    return Network(pack, {"wave": 1}, backend=backend, device="cpu", threads=threads)


def test_a_network_goes_on_as_if_nothing_had_been(tmp_path, monkeypatch):
    """Moments and what is carried are kept: the frames after the seam are those of one run."""
    monkeypatch.setattr(NetworkStylizer, "piece", 3)
    clip = film(tmp_path / "a.mp4", 8)
    options = VideoOptions(codec="ffv1")
    whole = list(VideoStylizer(NetworkStylizer(network()), clip, tmp_path / "b.mkv", options))
    stylizer = VideoStylizer(NetworkStylizer(network()), clip, tmp_path / "c.mkv", options)
    for event in stylizer:
        if isinstance(event, FramePainted) and event.frame == 5:
            break  # as a kill: the iterator is closed, and only the first piece is whole
    again = VideoStylizer(
        NetworkStylizer(network()), clip, tmp_path / "c.mkv", options, resume=True
    )
    started, *rest, _ = list(again)
    assert started.done == 3
    for event, other in zip(rest, whole[4:-1], strict=True):
        np.testing.assert_array_equal(event.picture, other.picture)


def test_a_cut_begins_anew(tmp_path):
    shots = [*(picture(k) for k in range(5)), *(picture(k, seed=5) for k in range(5))]
    clip = write(tmp_path / "a.mkv", shots, codec="ffv1", pixels="bgr0")
    options = VideoOptions(codec="ffv1")
    events = list(VideoStylizer(NetworkStylizer(network()), clip, tmp_path / "b.mkv", options))
    painted = [event for event in events if isinstance(event, FramePainted)]
    assert [event.frame for event in painted if event.cut] == [6]
    for number in (0, 5):
        alone = network()(shots[number], bits=8).samples
        assert apart(painted[number].picture, alone) < 0.01
    assert apart(painted[7].picture, network()(shots[7], bits=8).samples) > 0.05


def test_a_lying_file_is_followed_to_its_end(tmp_path):
    clip = film(tmp_path / "a.mp4", 6)
    for lie in (2, 600, None):
        stylizer = VideoStylizer(Plain(), clip, tmp_path / "out.mp4", VideoOptions(stability=0))
        stylizer.film.frames = lie
        painted = [event for event in stylizer if isinstance(event, FramePainted)]
        assert len(painted) == 6
        assert all(event.frames is None or event.frames >= event.frame for event in painted)


def test_a_long_film_holds_few_frames(tmp_path):
    clip = film(tmp_path / "a.mp4", 120, 16, 16)
    most = 0
    stylizer = VideoStylizer(_Forgetful(), clip, tmp_path / "out.mp4", VideoOptions(stability=0))
    for event in stylizer:
        if isinstance(event, FramePainted) and event.frame % 20 == 0:
            most = max(most, sum(type(found) is Frame for found in gc.get_objects()))
    assert 1 <= most <= 10


class _Forgetful(Plain):
    def stylize(self, rgb, _start):
        return 255 - rgb


def test_time_left(tmp_path):
    clip = film(tmp_path / "a.mp4", 6)
    stylizer = VideoStylizer(
        Plain(), clip, tmp_path / "out.mp4", VideoOptions(stability=0), clock=Clock(tick=2.0)
    )
    painted = [event for event in stylizer if isinstance(event, FramePainted)]
    assert [event.seconds for event in painted] == [2, 4, 6, 8, 10, 12]
    assert [event.remaining for event in painted] == [10, 8, 6, 4, 2, 0]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from impasto.options import VideoOptions
from impasto.video.stylizer import VideoStylizer
from video.making import Plain

class Struck(Plain):
    def stylize(self, rgb, _start):
        if len(self.seen) == 11:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().stylize(rgb, _start)

for _ in VideoStylizer(Struck(), "a.mp4", "out.mp4", VideoOptions(stability=0)):
    pass
"""


def test_a_kill_leaves_pieces_and_no_film(tmp_path):
    clip = film(tmp_path / "a.mp4", 14)
    tests = making.__file__.rsplit("/", 2)[0]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tests],
        cwd=tmp_path,
        env=one_thread(),
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "out.mp4").exists()
    started, *_ = stylise(clip, tmp_path / "out.mp4", resume=True)
    assert started.done in (4, 8)
    assert decoded(tmp_path / "out.mp4")[1] == [Fraction(k, 25) for k in range(14)]


def test_frames_that_are_painted_at_the_same_time_come_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("impasto.video.frames.processors", lambda: 3)
    clip, painted = film(tmp_path / "a.mp4", 9), network(backend="onnx", threads=None)
    stylizer = NetworkStylizer(painted)
    stylise(clip, tmp_path / "b.mkv", stylizer, codec="ffv1")
    assert stylizer.at_once == 3
    for frame, made in zip(Film(clip).frames_after(), decoded(tmp_path / "b.mkv")[0], strict=True):
        assert apart(made, np.asarray(painted(frame.rgb).image)) < 0.1
    stylizer.prepare(64, 48, 0.5)
    assert stylizer.at_once == 1, "the moments of a frame depend on the one before"
    stylizer.prepare(1600, 900, 0)
    assert stylizer.at_once == 1


def test_the_facade(tmp_path):
    clip = film(tmp_path / "a.mp4", 3)
    out = impasto.stylize_video(network(), clip, tmp_path / "out.mp4", strength=0.5, stability=0)
    assert len(decoded(out)[0]) == 3
    assert '"strength": 0.5' in read_recipe(out)
    with pytest.raises(OptionsError, match="unknown option 'speed'"):
        impasto.stylize_video(network(), clip, out, speed=2)


def test_masks_are_laid_over_each_frame(tmp_path):
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    from PIL import Image

    Image.fromarray(mask).save(tmp_path / "mask.png")
    clip = write(tmp_path / "a.mkv", [picture(k) for k in range(3)], codec="ffv1", pixels="bgr0")
    out = impasto.stylize_video(
        network(), clip, tmp_path / "b.mkv", mask=str(tmp_path / "mask.png"), codec="ffv1"
    )
    pictures, _ = decoded(out)
    assert apart(pictures[2][:, 36:], picture(2)[:, 36:]) < 2
    assert apart(pictures[2][:, :28], picture(2)[:, :28]) > 5
