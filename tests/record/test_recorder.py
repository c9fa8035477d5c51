import numpy as np
import pytest

from impasto.errors import CheckpointError, OutputError
from impasto.events import Finished, Started
from impasto.options import RecordOptions
from impasto.record import Recorder


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_run_leaves_what_was_asked_for(tmp_path, everything, recorder, steps):
    record = recorder(everything("run"))
    assert record.take(Started(0, 10, ((64, 48, 10),), "cpu", "float32")) == []
    saved = [item.what for event in steps(10) for item in record.take(event)]
    assert saved == ["frame"] * 3
    assert record.take(Finished(10, 1.0, 2.0)) == []
    saved = record.finish()
    assert [item.what for item in saved] == ["log", "plot", "time-lapse"]
    assert sorted(contents(tmp_path / "run")) == [
        "film.gif",
        "frames/frame-000004.png",
        "frames/frame-000008.png",
        "frames/frame-000010.png",
        "log.jsonl",
        "plot.png",
    ]


def test_nothing_asked_for_nothing_done(recorder, step):
    record = recorder(RecordOptions())
    assert record.take(step(1, 1, picture=pytest.fail)) == []
    assert record.finish() == []


def test_a_resumed_run_leaves_the_same_files(tmp_path, everything, recorder, steps):
    """Killed at step 27 with a checkpoint of step 21, which went through an .npz file."""
    photo = np.full((24, 32, 3), 0.5, np.float32)
    whole = recorder(everything("whole"), photo=photo)
    for event in steps(40):
        whole.take(event)
    whole.finish()

    killed = recorder(everything("resumed"), photo=photo)
    for event in steps(40, until=27):
        killed.take(event)
        if event.step == 21:
            np.savez(tmp_path / "state.npz", **killed.state())
    resumed = recorder(everything("resumed"), photo=photo)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        resumed.restore(dict(state))
    for event in steps(40, after=21):
        resumed.take(event)
    resumed.finish()

    expected, found = contents(tmp_path / "whole"), contents(tmp_path / "resumed")
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_the_state_of_a_run_without_steps(recorder, everything):
    record = recorder(everything("run"))
    record.restore(recorder(everything("run")).state())
    assert record.finish() == []


@pytest.mark.parametrize("name", ["rows", "film_spacing", "film_steps", "film_data", "film_sizes"])
def test_a_damaged_state_is_refused(recorder, everything, steps, name):
    record = recorder(everything("run"))
    for event in steps(5):
        record.take(event)
    state = record.state()
    with pytest.raises(CheckpointError, match="the record in the checkpoint is damaged"):
        record.restore(state | {name: state[name][:-1, :-1] if name == "rows" else state[name][:1]})
    del state["rows"]
    with pytest.raises(CheckpointError):
        record.restore(state)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"timelapse": "film.avi"}, r"film\.avi"),
        ({"timelapse": "gone/film.gif"}, "gone"),
        ({"log": "log.jpg"}, r"log\.jpg"),
        ({"plot": "plot.bmp"}, r"plot\.bmp"),
        ({"plot": "gone/plot.png"}, "gone"),
        ({"frames": "photo.png"}, r"photo\.png is not a folder"),
        ({"frames": "photo.png/frames"}, r"photo\.png is not a folder"),
        ({"frames": "x" * 300}, "name too long"),
        ({"plot": "photo.png"}, "input"),
        ({"frames": "old"}, r"--frames .*old could overwrite .*frame-000010\.png"),
        ({"frames": "new", "plot": "old/frame-000020.png"}, None),
        ({"frames": "old", "plot": "old/frame-000020.png"}, "could overwrite"),
        ({"frames": "log.txt", "log": "log.txt"}, "--log and --frames both write to"),
    ],
)
def test_outputs_are_checked_before_any_work(tmp_path, recorder, asked, message):
    (tmp_path / "photo.png").write_text("a photo")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "frame-000010.png").write_text("a frame that is the photo of this run")
    before = contents(tmp_path)
    inputs = [tmp_path / "photo.png", str(tmp_path / "old" / "frame-000010.png")]
    options = RecordOptions(**{name: tmp_path / path for name, path in asked.items()})
    if message is None:
        recorder(options, inputs=inputs)
    else:
        with pytest.raises(OutputError, match=message):
            recorder(options, inputs=inputs)
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_work_done_again_is_recorded_once(tmp_path, everything, recorder, steps):
    """The engine went back from step 9 to step 5: the files are those of a run that did not."""
    straight, back = recorder(everything("straight")), recorder(everything("back"))
    for event in steps(12):
        straight.take(event)
    for event in [*steps(12, until=9), *steps(12, after=4)]:
        back.take(event)
    straight.finish()
    back.finish()
    assert contents(tmp_path / "back") == contents(tmp_path / "straight")


def test_options_from_plain_data_will_do(recorder, everything, step):
    options = everything("run")
    record = recorder(RecordOptions.from_dict(options.to_dict()))
    record.take(step(1, 1))
    assert [item.path for item in record.finish()] == [
        options.log,
        options.plot,
        options.timelapse,
    ]


def test_what_takes_time_after_the_last_step_is_reserved(tmp_path):
    def seconds(width: int, steps: int, **asked) -> float:
        files = {name: tmp_path / file for name, file in asked.items()}
        return Recorder(RecordOptions(**files), width, 480).reserve(steps)

    plain = seconds(640, 100)
    assert 0 < plain < seconds(1280, 100)
    assert plain < seconds(640, 100, plot="plot.png")
    film = {"timelapse": "film.gif"}
    assert plain < seconds(640, 10, **film) < seconds(640, 100, **film)
    assert seconds(640, 10_000, **film) == seconds(640, 100_000, **film)  # of so many pictures
