import sys

import numpy as np
import pytest
from PIL import Image

from impasto.errors import MissingExtraError, OutputError
from impasto.options import RecordOptions
from impasto.record import film


def read_animation(path):
    """Return the pictures and for how many milliseconds each is shown."""
    pictures, durations = [], []
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        for i in range(image.n_frames):
            image.seek(i)
            pictures.append(np.asarray(image.convert("RGB"), np.float32) / 255)
            durations.append(image.info["duration"])
    return pictures, durations


def read_video(path):
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        seconds = float(stream.duration * stream.time_base)
        look = (stream.codec_context.name, stream.codec_context.pix_fmt)
    return [frame.astype(np.float32) / 255 for frame in frames], seconds, look


def difference(a, b):
    return float(np.abs(a - b).mean())


@pytest.mark.parametrize("extension", ["gif", "webp"])
def test_an_animation(tmp_path, recorder, steps, picture, extension):
    path = tmp_path / f"film.{extension}"
    photo, finished = np.full((30, 40, 3), 0.25, np.float32), picture(7, 20, 64, 48)
    record = recorder(RecordOptions(timelapse=path), photo=photo)
    for event in steps(20, sizes=[(64, 48)]):
        assert record.take(event) == []
    (saved,) = record.finish(finished)
    assert (saved.path, saved.what) == (path, "time-lapse")
    pictures, durations = read_animation(path)
    assert len(pictures) == 22
    assert {p.shape for p in pictures} == {(48, 64, 3)}
    assert difference(pictures[0], 0.25) < 0.02
    assert difference(pictures[1], picture(1, 20, 64, 48)) < 0.04
    assert difference(pictures[12], picture(12, 20, 64, 48)) < 0.04
    assert difference(pictures[-1], finished) < 0.04
    assert durations == [500, *[250] * 20, 1500]


def test_a_video(tmp_path, steps, picture):
    from impasto.record import Recorder

    path = tmp_path / "film.mp4"
    record = Recorder(RecordOptions(timelapse=path), 65, 49)
    for event in steps(30, sizes=[(33, 25), (65, 49)]):
        record.take(event)
    record.finish()
    pictures, seconds, look = read_video(path)
    assert look == ("h264", "yuv420p")
    assert {p.shape for p in pictures} == {(48, 64, 3)}
    assert 5 <= seconds <= 8
    rate = len(pictures) / seconds
    still = [difference(p, pictures[-1]) < 0.005 for p in pictures]
    assert sum(still) / rate == pytest.approx(1.5, abs=0.2), "the finished picture is held"
    assert difference(pictures[-1], picture(30, 30, 64, 48)) < 0.04
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "plays before it is all there"


def test_a_video_without_x264(tmp_path, monkeypatch):
    av = pytest.importorskip("av")
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    path = tmp_path / "film.mp4"
    film.write_film(path, [Image.new("RGB", (64, 48), c) for c in ("red", "green", "blue")])
    pictures, _, look = read_video(path)
    assert look == ("mpeg4", "yuv420p")
    assert difference(pictures[-1], np.array([0, 0, 1.0])) < 0.05


def test_a_video_needs_the_extra_before_any_work(tmp_path, monkeypatch, recorder):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"\.mp4 needs an extra.*impasto\[video\]"):
        recorder(RecordOptions(timelapse=tmp_path / "film.mp4"))
    recorder(RecordOptions(timelapse=tmp_path / "film.gif"))


def test_an_encoder_that_fails_leaves_the_old_film(tmp_path, monkeypatch):
    av = pytest.importorskip("av")

    def fail(*_):
        raise av.error.InvalidDataError(1, "no luck")

    monkeypatch.setattr(film, "_encode_h264", fail)
    path = tmp_path / "film.mp4"
    path.write_text("old")
    with pytest.raises(OutputError, match="cannot be encoded"):
        film.write_film(path, [Image.new("RGB", (8, 8))] * 3)
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]
    assert path.read_text() == "old"


def test_one_picture_makes_a_film(tmp_path, recorder, step):
    for extension in ("gif", "webp", "mp4"):
        path = tmp_path / f"film.{extension}"
        record = recorder(RecordOptions(timelapse=path))
        record.take(step(1, 1))
        record.finish()
        with path.open("rb") as file:
            assert len(file.read()) > 100


@pytest.mark.parametrize("count", [20, 40, 61, 122, 152])
def test_a_film_takes_five_to_eight_seconds(count):
    durations = film.timing(count)
    assert len(durations) == count
    assert 5000 <= sum(durations) <= 8000
    assert durations[-1] == 1500
    assert all(d % 10 == 0 for d in durations), "a GIF counts in hundredths"


def test_a_gif_has_the_colours_of_its_pictures(tmp_path):
    """A photo in warm and a painting in cool colours share one palette without loss of either."""
    ramp = np.linspace(0, 255, 96)[None, :, None] * np.ones((64, 1, 1))
    warm, cool = (ramp * np.array(tint) for tint in ([1, 0.5, 0.1], [0.1, 0.6, 1]))
    mixed = [warm + (cool - warm) * i / 11 for i in range(12)]
    path = tmp_path / "film.gif"
    film.write_film(path, [Image.fromarray(m.astype(np.uint8)) for m in mixed])
    pictures, _ = read_animation(path)
    for shown, meant in zip(pictures, mixed, strict=True):
        assert difference(shown, meant / 255) < 0.02
