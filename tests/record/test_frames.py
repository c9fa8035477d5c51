import numpy as np
import pytest
from PIL import Image

from impasto.errors import OutputError
from impasto.options import RecordOptions


def test_a_picture_every_so_many_steps_and_the_last(tmp_path, recorder, steps, picture):
    folder = tmp_path / "a" / "frames"
    record = recorder(RecordOptions(frames=folder, save_every=3))
    assert not folder.exists(), "no folder before the first picture"
    saved = [item for event in steps(10) for item in record.take(event)]
    names = ["frame-000003.png", "frame-000006.png", "frame-000009.png", "frame-000010.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert [(item.path, item.what) for item in saved] == [(folder / n, "frame") for n in names]
    for name, size in zip(names, [(16, 12), (32, 24), (64, 48), (64, 48)], strict=True):
        with Image.open(folder / name) as image:
            assert image.size == size
            expected = picture(int(name[6:12]), 10, *size) * 255
            assert np.abs(np.asarray(image, np.float32) - expected).max() <= 0.51


def test_frames_are_as_transparent_as_the_photo_and_films_lie_on_white(tmp_path, recorder, steps):
    alpha = np.zeros((48, 64), np.float32)
    alpha[:, 32:] = 1
    asked = RecordOptions(frames=tmp_path / "a", save_every=3, timelapse=tmp_path / "film.webp")
    record = recorder(asked, alpha=alpha)
    for event in steps(6):
        record.take(event)
    record.finish()
    for name in ("frame-000003.png", "frame-000006.png"):
        with Image.open(tmp_path / "a" / name) as image:
            assert image.mode == "RGBA"
            opaque = np.asarray(image)[:, :, 3]
            assert opaque[:, : image.width // 2 - 3].max() == 0
            assert opaque[:, image.width // 2 + 3 :].min() == 255
    with Image.open(tmp_path / "film.webp") as film:
        last = np.asarray(film.convert("RGB"), int)
    assert last[:, :28].min() > 245
    assert last[:, 40:].min() < 120


def test_a_picture_is_made_once_and_only_when_kept(tmp_path, recorder, step, picture):
    made = []

    def paint():
        made.append(1)
        return picture(1, 9, 64, 48)

    record = recorder(
        RecordOptions(frames=tmp_path, save_every=2, timelapse=tmp_path / "film.webp")
    )
    record.take(step(1, 9, picture=paint))
    assert len(made) == 1
    record.take(step(2, 9, picture=paint))
    assert len(made) == 2, "frame and time-lapse share one picture"
    only_log = recorder(RecordOptions(log=tmp_path / "log.jsonl"))
    only_log.take(step(9, 9, picture=pytest.fail))


def test_frames_of_an_earlier_run_do_not_stand_among_the_new_ones(tmp_path, recorder, steps):
    def names():
        return sorted(path.name for path in (tmp_path / "frames").iterdir())

    first = recorder(RecordOptions(frames=tmp_path / "frames", save_every=1))
    for event in steps(6):
        first.take(event)
    (tmp_path / "frames" / "mine.png").write_bytes(b"mine")
    second = recorder(RecordOptions(frames=tmp_path / "frames", save_every=2))
    assert len(names()) == 7, "nothing is touched before the first step"
    for event in steps(4):
        second.take(event)
    assert names() == ["frame-000002.png", "frame-000004.png", "mine.png"]
    resumed = recorder(RecordOptions(frames=tmp_path / "frames", save_every=1))
    for event in steps(5, after=2):
        resumed.take(event)
    assert names()[:4] == [f"frame-00000{number}.png" for number in (2, 3, 4, 5)]


@pytest.mark.parametrize("data", [b"no picture", None])
def test_pictures_of_ones_own_that_are_called_like_frames_are_not_touched(tmp_path, recorder, data):
    """FFmpeg calls the pictures of a film so."""
    path = tmp_path / "frame-000007.png"
    path.write_bytes(data or b"")
    if data is None:
        Image.new("RGB", (4, 4)).save(path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"frame-000007\.png already exists and is not a frame"):
        recorder(RecordOptions(frames=tmp_path, save_every=1))
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_says_so(tmp_path, recorder, step):
    record = recorder(RecordOptions(frames=tmp_path / "frames", save_every=1))
    (tmp_path / "frames").write_text("in the way")
    with pytest.raises(OutputError, match="frames: the folder cannot be created: File exists"):
        record.take(step(1, 2))


def test_a_picture_out_of_range_does_not_stop_a_run(tmp_path, recorder, step):
    wild = np.full((48, 64, 3), [-3, np.nan, 9], np.float32)
    record = recorder(RecordOptions(frames=tmp_path, save_every=1))
    record.take(step(1, 2, picture=lambda: wild))
    with Image.open(tmp_path / "frame-000001.png") as image:
        assert image.convert("RGB").getpixel((5, 5)) == (0, 0, 255)
