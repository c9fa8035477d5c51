from __future__ import annotations

import errno
import io
import math
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy.exc import OperationalError

from impasto.errors import OutOfMemoryError, OutputError
from impasto.events import Finished, Losses, Saved, Step
from impasto.images import read_recipe, resize
from impasto.images.color import with_lightness
from impasto.painter import Painter
from impasto.record import Recorder
from impasto.runtime import checkpoint
from impasto.studio import executor, heartbeat, room, runner
from impasto.studio.checkpoints import JobCheckpoints
from impasto.studio.database import connect
from impasto.studio.jobs import ClaimLost, Job, jobs
from impasto.studio.previews import Previews
from impasto.studio.requests import PaintRequest
from impasto.studio.room import WorkerLeaving
from impasto.studio.runner import WorkerContext
from impasto.studio.settings import Settings
from patience import LIMIT, Clock, wait_for
from studio.jobs import (
    PHOTO,
    REQUEST,
    STYLE,
    accept,
    assert_as_good,
    context_for,
    drawn,
    encoded,
    pixels,
    settings_for,
    uninterrupted,
    work,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path, checkpoint_every=1e-9)


@pytest.fixture
def context(settings: Settings) -> Iterator[WorkerContext]:
    engine = connect(settings.database_url)
    yield context_for(settings, engine)
    engine.dispose()


@pytest.fixture(autouse=True)
def _networks_thin(networks_thin: None) -> None:
    """Build each network once."""


@pytest.fixture(autouse=True)
def _as_many_checkpoints_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long they take to write."""
    monkeypatch.setattr(runner, "_SHARE", math.inf)


@pytest.fixture(autouse=True)
def _quick_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_INTERVAL", 0.01)
    given = {**heartbeat.Heartbeat.__init__.__kwdefaults__, "patience": math.inf, "interval": 0.01}
    monkeypatch.setattr(heartbeat.Heartbeat.__init__, "__kwdefaults__", given)


class Killed(BaseException):
    """As if the process were gone: nothing after it is done."""


def after_step(
    monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], Any], times: int = 1
) -> None:
    """Do something when a step is done, so often."""
    take, left = runner.PaintRunner._take, [times]

    def taken(self: Any, event: Any) -> None:
        take(self, event)
        if isinstance(event, Step) and event.step >= step and left[0]:
            left[0] -= 1
            act()

    monkeypatch.setattr(runner.PaintRunner, "_take", taken)


def kill() -> None:
    raise Killed


def kill_after(monkeypatch: pytest.MonkeyPatch, context: WorkerContext, step: int) -> None:
    """Have an attempt die after a step, its files where they are."""
    with monkeypatch.context() as patch:
        after_step(patch, step, kill)
        with pytest.raises(Killed):
            work(context)


def names(context: WorkerContext, job: Job) -> list[str]:
    return context.files.names(job.id)


def picture(context: WorkerContext, job: Job) -> np.ndarray:
    name = context.store.job(job.id).picture
    assert name is not None
    return pixels(context.files.get(job.id, name))


def test_a_job_is_painted_as_it_was_ordered(context: WorkerContext) -> None:
    job = accept(context.store, context.files)
    work(context)
    done = context.store.job(job.id)
    assert (done.state, done.step, done.steps, done.error) == ("done", 8, 8, None)
    assert (done.width, done.height, done.attempt) == (48, 36, 1)
    assert done.seconds > 0
    rows = context.store.losses(job.id)
    assert [row.step for row in rows] == list(range(1, 9))
    assert rows[-1].loss == done.loss
    np.testing.assert_array_equal(
        picture(context, job), uninterrupted(context.settings, job, context.files)
    )
    assert done.preview is not None
    assert pixels(context.files.get(job.id, done.preview)).shape == (36, 48, 3)
    film = context.files.get(job.id, done.timelapse or "")
    assert film[4:8] == b"ftyp"
    kept = {"photo", "style-0", done.preview, done.picture, done.timelapse}
    assert set(names(context, job)) == kept
    assert list(context.scratch.iterdir()) == []


def test_a_job_is_not_done_again(context: WorkerContext) -> None:
    job = accept(context.store, context.files)
    work(context)
    before = context.store.job(job.id)
    assert work(context) is None
    assert context.store.job(job.id) == before


@pytest.mark.parametrize(
    ("format", "extension", "kind"),
    [("png", "png", "PNG"), ("jpeg", "jpg", "JPEG"), ("webp", "webp", "WEBP"),
     ("tiff", "tif", "TIFF")],
)  # fmt: skip
def test_pictures_come_in_the_format_ordered_with_recipe_and_without_location(
    context: WorkerContext, tmp_path: Path, format: str, extension: str, kind: str
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0)})  # GPS
    exif[0x013B] = "Somebody"  # artist
    photo = encoded(drawn(seed=1), "JPEG", exif=exif, comment=b"at home")
    job = accept(context.store, context.files, photo=photo, format=format, steps=2)
    work(context)
    name = context.store.job(job.id).picture or ""
    data = context.files.get(job.id, name)
    assert name == f"picture-1.{extension}"
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == kind
        assert image.size == (48, 36)
        found = image.getexif()
        assert not found.get_ifd(0x8825)
        assert 0x013B not in found
    assert b"Somebody" not in data
    assert b"at home" not in data
    path = tmp_path / name
    path.write_bytes(data)
    recipe = read_recipe(path)
    assert recipe["options"]["steps"] == 2
    assert recipe["studio"]["format"] == format
    assert str(context.files.home).encode() not in data


def test_transparency_is_the_photos_own(context: WorkerContext) -> None:
    photo = encoded(drawn(seed=1, mode="RGBA"))
    job = accept(context.store, context.files, photo=photo, steps=2)
    work(context)
    assert picture(context, job).shape == (36, 48, 4)
    assert pixels(context.files.get(job.id, context.store.job(job.id).preview or "")).shape[2] == 3


@pytest.mark.usefixtures("networks_kept")
def test_colours_can_be_the_photos(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[np.ndarray] = []
    take = Recorder.take

    def seen(self: Recorder, event: Any) -> list[Saved]:
        if isinstance(event, Step):
            taken.append(event.picture())
        return take(self, event)

    monkeypatch.setattr(Recorder, "take", seen)
    plain, coloured = (
        accept(context.store, context.files, color=color) for color in ("style", "photo")
    )
    for _ in range(2):
        work(context)
    ours = picture(context, coloured).astype(np.float32) / 255
    theirs = picture(context, plain).astype(np.float32) / 255
    with Image.open(io.BytesIO(PHOTO)) as image:
        photo = resize(np.asarray(image, np.float32) / 255, 48, 36)

    def strays(picture: np.ndarray) -> float:
        """Return how far a picture is from the photo's colours under its own lightness."""
        return float(np.abs(picture - with_lightness(photo, picture)).mean())

    np.testing.assert_allclose(ours, with_lightness(photo, theirs), atol=0.02)
    assert strays(ours) < 0.01
    assert strays(theirs) > 0.05
    # On the way as well: `plain` came first.
    assert strays(taken[4]) > 0.05
    assert max(map(strays, taken[8:])) < 0.004
    assert np.abs(ours - theirs).mean() > 0.02
    preview = pixels(context.files.get(coloured.id, context.store.job(coloured.id).preview or ""))
    assert np.abs(preview / 255 - ours).mean() < 0.03


def test_two_paintings_are_blended_in_their_order(context: WorkerContext) -> None:
    other = encoded(drawn(56, 56, seed=3))
    job = accept(context.store, context.files, styles=(STYLE, other), blend=[0.9, 0.1])
    work(context)
    painter = Painter(
        PHOTO,
        [STYLE, other],
        PaintRequest.of({**REQUEST, "blend": [0.9, 0.1]}).options(),
    )
    for _ in painter:
        pass
    expected = np.rint(painter.painting.rgb * 255).astype(np.uint8)
    np.testing.assert_array_equal(picture(context, job), expected)


# Killed and gone on.


def test_killed_again_and_again_it_ends_in_as_good_a_picture(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    for step in (2, 3, 6):
        kill_after(monkeypatch, context, step)
        assert JobCheckpoints(context.files, job.id, 0).names() == [
            f"checkpoint-{context.store.job(job.id).attempt}"
        ]
    begun: list[int] = []
    with monkeypatch.context() as patch:
        after_step(patch, 0, lambda: begun.append(context.store.job(job.id).step))
        work(context)
    done = context.store.job(job.id)
    assert (done.state, done.attempt) == ("done", 4)
    assert_as_good(context.settings, context.store.job(job.id), context.files)
    assert [row.step for row in context.store.losses(job.id)] == list(range(1, 9))
    assert len(names(context, job)) == 5


def test_in_a_bucket_it_goes_on_as_well(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    engine = connect(settings.database_url)
    remote = settings.model_copy(update={"data": "memory://studio"})
    context = context_for(remote, engine)
    assert context.scratch.is_relative_to(tmp_path / "cache")
    job = accept(context.store, context.files)
    kill_after(monkeypatch, context, 5)
    assert "checkpoint-1" in names(context, job)
    work(context)
    assert context.store.job(job.id).attempt == 2
    assert_as_good(remote, context.store.job(job.id), context.files)
    assert len(names(context, job)) == 5
    context.files.remove(job.id)
    engine.dispose()


def test_at_most_a_step_is_done_again(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(context.store, context.files)
    kill_after(monkeypatch, context, 5)  # before its checkpoint: the state of step 4 is kept
    steps: list[int] = []
    take = runner.PaintRunner._take

    def taken(self: Any, event: Any) -> None:
        if isinstance(event, Step):
            steps.append(event.step)
        take(self, event)

    monkeypatch.setattr(runner.PaintRunner, "_take", taken)
    work(context)
    assert steps == [5, 6, 7, 8]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None], ids=["empty", "foreign", "cut"])
def test_a_damaged_checkpoint_starts_the_job_afresh(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    job = accept(context.store, context.files)
    kill_after(monkeypatch, context, 5)
    whole = context.files.get(job.id, "checkpoint-1")
    context.files.put(job.id, "checkpoint-1", whole[:-100] if damage is None else damage)
    work(context)
    assert context.store.job(job.id).state == "done"
    np.testing.assert_array_equal(
        picture(context, job), uninterrupted(context.settings, job, context.files)
    )
    assert len(names(context, job)) == 5


def test_an_unfitting_checkpoint_starts_the_job_afresh(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = accept(context.store, context.files, size=32)
    kill_after(monkeypatch, context, 5)
    unfitting = context.files.get(other.id, "checkpoint-1")
    context.store.cancel(other.id, "ann")
    work(context)
    job = accept(context.store, context.files)
    context.files.put(job.id, "checkpoint-0", unfitting)
    work(context)
    np.testing.assert_array_equal(
        picture(context, job), uninterrupted(context.settings, job, context.files)
    )


def test_an_older_checkpoint_serves_where_the_newest_is_damaged(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    kill_after(monkeypatch, context, 5)
    context.files.put(job.id, "checkpoint-7", b"nonsense")
    context.store.claim(context.worker)
    begun: list[int] = []
    with monkeypatch.context() as patch:
        run = runner.PaintRunner.run

        def ran(self: Any, name: str | None) -> bool:
            begun.append(0 if name is None else int(name.removeprefix("checkpoint-")))
            return run(self, name)

        patch.setattr(runner.PaintRunner, "run", ran)
        work(context)
    assert begun == [7, 1]
    assert context.store.job(job.id).state == "done"


def test_a_checkpoint_of_another_machine_goes_on_here(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    kill_after(monkeypatch, context, 6)
    steps: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr("platform.python_version", lambda: "2.7")
        patch.setattr("torch.get_num_threads", lambda: 48)
        after_step(patch, 0, lambda: steps.append(0), times=99)
        work(context)
    assert len(steps) == 3
    assert context.store.job(job.id).state == "done"


def test_who_is_late_removes_no_newer_checkpoint(context: WorkerContext) -> None:
    job = accept(context.store, context.files)
    late, newer = (JobCheckpoints(context.files, job.id, attempt) for attempt in (1, 2))
    for kept, expected in (
        (late, ["checkpoint-1"]),
        (newer, ["checkpoint-2"]),
        (late, ["checkpoint-2", "checkpoint-1"]),
        (newer, ["checkpoint-2"]),
    ):
        path = context.scratch / "state"
        path.write_bytes(b"x")
        kept.put(path)
        assert newer.names() == expected


def test_a_budget_goes_on_counting(context: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> None:
    context.clock = clock = Clock(tick=0.02)
    job = accept(context.store, context.files, steps=None, budget=6)
    with monkeypatch.context() as patch:
        after_step(patch, 3, lambda: clock.go_on(2))
        kill_after(monkeypatch, context, 4)
    _, data = checkpoint.read(_fetched(context, job))
    assert data["engine"]["planner"]["spent"] > 2
    work(context)
    done = context.store.job(job.id)
    assert done.state == "done"
    assert done.step == done.steps > 3
    assert done.seconds < 4  # without the two between two steps
    assert [row.step for row in context.store.losses(job.id)] == list(range(1, done.steps + 1))


def test_a_budget_that_is_over_ends_the_job_at_its_checkpoint(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.clock = clock = Clock(tick=0.02)
    job = accept(context.store, context.files, steps=None, budget=3)
    with monkeypatch.context() as patch:
        after_step(patch, 2, lambda: clock.go_on(3))
        kill_after(monkeypatch, context, 3)
    work(context)
    done = context.store.job(job.id)
    assert (done.state, done.step, done.steps) == ("done", 2, 2)
    assert len(context.store.losses(job.id)) == 2  # the third was lost with its attempt


def _fetched(context: WorkerContext, job: Job) -> Path:
    path = context.scratch / "seen"
    context.files.fetch(job.id, JobCheckpoints(context.files, job.id, 0).names()[0], path)
    return path


# Wishes.


def test_a_stopped_job_shows_its_picture_and_goes_on(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    with monkeypatch.context() as patch:
        after_step(patch, 3, lambda: _wish_and_wait(context, "stop", job))
        work(context)
    stopped = context.store.job(job.id)
    assert stopped.state == "stopped"
    assert stopped.step == 3
    assert picture(context, job).shape == (36, 48, 3)
    assert stopped.timelapse in names(context, job)
    assert [n for n in names(context, job) if n.startswith("check")] == ["checkpoint-1"]

    again = context.store.go_on(job.id, "ann")
    assert again.picture == stopped.picture  # shown while it goes on
    work(context)
    assert context.store.job(job.id).state == "done"
    assert_as_good(context.settings, context.store.job(job.id), context.files)
    assert len(names(context, job)) == 5


def _wish_and_wait(context: WorkerContext, wish: str, job: Job) -> None:
    """Have the owner wish something, and the heartbeat hear of it."""
    getattr(context.store, wish)(job.id, "ann")
    _beats(context, job)


def _beats(context: WorkerContext, job: Job, times: int = 2) -> None:
    """Wait until the heartbeat has beaten once since, and is about to beat again."""
    for _ in range(times):
        before = context.store.job(job.id).beat
        wait_for(lambda before=before: context.store.job(job.id).beat > before)


def test_a_job_stopped_before_its_first_step_goes_on_too(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    with monkeypatch.context() as patch:  # its worker died before it painted anything
        patch.setattr(runner, "Painter", lambda *_, **__: kill())
        with pytest.raises(Killed):
            work(context)
    context.store.stop(job.id, "ann")
    work(context)
    stopped = context.store.job(job.id)
    assert (stopped.state, stopped.step) == ("stopped", 0)
    assert picture(context, job).shape == (36, 48, 3)
    context.store.go_on(job.id, "ann")
    work(context)
    assert context.store.job(job.id).state == "done"


def test_a_cancelled_job_leaves_nothing(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    after_step(monkeypatch, 3, lambda: _wish_and_wait(context, "cancel", job))
    work(context)
    ended = context.store.job(job.id)
    assert (ended.state, ended.picture, ended.preview) == ("cancelled", None, None)
    assert ended.step == 3
    assert names(context, job) == []


def test_a_job_cancelled_while_its_worker_was_dead_is_not_painted(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    kill_after(monkeypatch, context, 3)
    context.store.cancel(job.id, "ann")
    monkeypatch.setattr(runner, "Painter", lambda *_, **__: pytest.fail("it paints"))
    work(context)
    assert context.store.job(job.id).state == "cancelled"
    assert names(context, job) == []


# Claims.


def test_who_lost_the_job_leaves_the_winners_files_alone(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker takes the job over and finishes it, while this one is only slow."""
    job = accept(context.store, context.files)
    other = context_for(context.settings, context.store.engine, "two")

    def overtake() -> None:
        with context.store.engine.begin() as connection:
            connection.execute(jobs.update().values(beat=0.0))
        work(other)

    with monkeypatch.context() as patch:
        after_step(patch, 4, overtake)
        patch.setattr(heartbeat.Heartbeat, "_run", lambda _: None)  # of both
        work(context)
    done = context.store.job(job.id)
    assert (done.state, done.worker, done.attempt) == ("done", "two", 2)
    assert done.picture == "picture-2.png"
    assert_as_good(context.settings, context.store.job(job.id), context.files)
    left = [name for name in names(context, job) if "-1" in name and not name.startswith("check")]
    assert left == []


def test_who_loses_at_the_very_end_publishes_nothing(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    finish = runner.PaintRunner.finish

    def finished(self: Any) -> Iterator[Any]:
        yield from finish(self)
        assert context.store.claim(context.worker)  # as if somebody took it now

    monkeypatch.setattr(runner.PaintRunner, "finish", finished)
    work(context)
    after = context.store.job(job.id)
    assert (after.state, after.attempt, after.picture, after.timelapse) == (
        "running",
        2,
        None,
        None,
    )
    left = set(names(context, job)) - {"checkpoint-1", after.preview}
    assert left == {"photo", "style-0"}


def test_who_is_late_removes_nothing_of_the_attempt_after(context: WorkerContext) -> None:
    """The next attempt has put its files down, but the row does not name them yet."""
    job = accept(context.store, context.files)
    claim = context.store.claim(context.worker)
    assert claim
    assert context.store.claim(context.worker)  # as if somebody took it now
    theirs = {"checkpoint-2", "preview-2-1.jpg", "picture-2.png", "timelapse-2.mp4"}
    for name in (*theirs, "preview-1-1.jpg"):
        context.files.put(job.id, name, b"x")
    executor.execute(context, claim)
    assert set(names(context, job)) == theirs | {"photo", "style-0"}


def test_an_answer_that_never_came_costs_no_files(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database took the end of the job down, but the connection broke before it said so."""
    job = accept(context.store, context.files)
    end = context.store.end

    def ended(*arguments: Any, **columns: Any) -> None:
        end(*arguments, **columns)
        raise OperationalError("", None, Exception("the connection broke"))

    monkeypatch.setattr(context.store, "end", ended)
    work(context)
    assert context.store.job(job.id).state == "done"
    np.testing.assert_array_equal(
        picture(context, job), uninterrupted(context.settings, job, context.files)
    )


def test_a_worker_that_is_to_leave_keeps_all_its_work(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    context.settings.__dict__["checkpoint_every"] = 60.0
    with monkeypatch.context() as patch:
        after_step(patch, 5, context.leaving.set)
        with pytest.raises(WorkerLeaving):
            work(context)
    left = context.store.job(job.id)
    assert (left.state, left.stuck, left.step) == ("queued", 0, 5)
    other = context_for(context.settings, context.store.engine, "two")
    steps: list[int] = []
    with monkeypatch.context() as patch:
        after_step(patch, 0, lambda: steps.append(0), times=99)
        work(other)
    assert len(steps) == 3
    assert list(other.scratch.iterdir()) == []  # what it went on from lay there
    assert_as_good(context.settings, context.store.job(job.id), context.files)


# Failures.


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({"photo": b"no picture"}, "image-error", "the picture"),
        ({"size": 1}, "options-error", "too small"),
        ({"blend": [0.5, 0.3, 0.2]}, "options-error", "blend"),
    ],
)
def test_what_cannot_be_painted_fails_with_a_reason(
    context: WorkerContext, given: dict[str, Any], code: str, text: str
) -> None:
    job = accept(context.store, context.files, **given)
    work(context)
    failed = context.store.job(job.id)
    assert (failed.state, failed.error_code) == ("failed", code)
    assert text in (failed.error or "")
    assert str(context.files.home) not in (failed.error or "")
    assert names(context, job) == ["photo", "style-0"]


FULL = {
    "checkpoint": "impasto.runtime.checkpoint.save_file",
    "preview": "impasto.studio.storage.Storage.put",
    "result": "impasto.studio.storage.Storage.take",
    "picture": "impasto.painter.painting.Painting.save",
    "time-lapse": "impasto.record.recorder.Recorder.finish",
}
"""What writes a file of a job."""


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk_makes_the_job_wait(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(room, "RETRY", 0.01)
    seen: list[tuple[str, str]] = []
    job = accept(context.store, context.files)
    write = resolve_name(FULL[what])

    def full(*arguments: Any, **given: Any) -> Any:
        now = context.store.job(job.id)
        if len(seen) < 3 or ("running", "disk") not in seen:
            seen.append((now.state, now.waiting))
            try:
                raise OSError(errno.ENOSPC, "No space left on device", "/a/path")
            except OSError as error:
                raise OutputError("/a/path: cannot be written") from error
        return write(*arguments, **given)

    monkeypatch.setattr(FULL[what], full)
    work(context)
    done = context.store.job(job.id)
    assert ("running", "disk") in seen
    assert (done.state, done.waiting, done.error) == ("done", "", None)
    assert done.timelapse in names(context, job)
    assert picture(context, job).shape == (36, 48, 3)


def test_a_real_full_disk(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A small file system of its own, which another file fills."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    monkeypatch.setattr(room, "RETRY", 0.01)
    engine = connect(settings.database_url)
    try:
        context = context_for(settings.model_copy(update={"data": str(disk)}), engine)
        job = accept(context.store, context.files)
        hog = disk / "hog"

        def fill() -> None:
            with suppress(OSError), hog.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

        after_step(monkeypatch, 3, fill)
        thread = threading.Thread(target=work, args=(context,))
        thread.start()
        wait_for(lambda: context.store.job(job.id).waiting == "disk")
        hog.unlink()
        thread.join()
        done = context.store.job(job.id)
        assert (done.state, done.waiting, done.error) == ("done", "", None)
        assert picture(context, job).shape == (36, 48, 3)
    finally:
        engine.dispose()
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("wish", ["cancel", "leave"])
def test_who_waits_for_room_still_listens(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    monkeypatch.setattr(room, "RETRY", 0.01)
    job, tries = accept(context.store, context.files), []

    def full(*_: Any, **__: Any) -> None:
        tries.append(1)
        if len(tries) == 1 and wish == "cancel":
            context.store.cancel(job.id, "ann")
        elif len(tries) == 3 and wish == "leave":
            context.leaving.set()
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(FULL["checkpoint"], full)
    with nullcontext() if wish == "cancel" else pytest.raises(WorkerLeaving):
        work(context)
    ended = context.store.job(job.id)
    assert (ended.state, ended.waiting) == ("cancelled" if wish == "cancel" else "queued", "")


def test_a_full_database_leaves_the_job_for_later(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)

    def full(*_: Any, **__: Any) -> None:
        raise OperationalError("", None, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(executor, "retry", lambda act: act())
        patch.setattr(context.store, "end", full)
        with pytest.raises(OperationalError):
            work(context)
    left = context.store.job(job.id)
    assert (left.state, left.stuck) == ("queued", 0)
    work(context)
    assert context.store.job(job.id).state == "done"


def test_an_error_with_a_path_is_told_without_it(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OutputError("/srv/data/picture.png: cannot be written: Permission denied")

    job = accept(context.store, context.files)
    monkeypatch.setattr(FULL["picture"], full)
    work(context)
    failed = context.store.job(job.id)
    assert (failed.state, failed.error_code) == ("failed", "output-error")
    assert "/" not in (failed.error or "")


def test_a_time_lapse_that_cannot_be_made_does_not_cost_the_picture(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise OutputError("no codec")

    job = accept(context.store, context.files)
    monkeypatch.setattr(Recorder, "finish", broken)
    work(context)
    done = context.store.job(job.id)
    assert (done.state, done.timelapse) == ("done", None)
    assert picture(context, job).shape == (36, 48, 3)


def test_a_wish_to_stop_that_comes_with_the_last_step_comes_too_late(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    take = runner.PaintRunner._take

    def taken(self: Any, event: Any) -> None:
        take(self, event)
        if isinstance(event, Finished):
            _wish_and_wait(context, "stop", job)

    monkeypatch.setattr(runner.PaintRunner, "_take", taken)
    work(context)
    assert context.store.job(job.id).state == "done"


@pytest.mark.parametrize(
    ("error", "code"),
    [(ZeroDivisionError("secret"), "internal"), (OutOfMemoryError("secret"), "memory")],
)
def test_an_error_of_ours_is_told_in_a_word(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    job = accept(context.store, context.files)
    monkeypatch.setattr(runner, "Painter", broken)
    work(context)
    failed = context.store.job(job.id)
    assert (failed.state, failed.error_code) == ("failed", code)
    assert "secret" not in (failed.error or "")


def test_a_job_that_kills_its_workers_is_given_up(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 4
    monkeypatch.setattr(executor, "HOPELESS", most)
    job = accept(context.store, context.files)
    after_step(monkeypatch, 3, kill, times=99)
    deaths = 0
    while context.store.job(job.id).state != "failed":
        try:
            work(context)
        except Killed:
            deaths += 1
    assert context.store.job(job.id).error_code == "hopeless"
    # The first got somewhere; whether it told of its last step before it died, only it knows.
    assert most <= deaths <= most + 2


def test_a_database_that_does_not_answer_for_a_while_costs_nothing(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(context.store, context.files)
    beat, broken = context.store.beat, [3]

    def beaten(claim: Job, rows: Sequence[Losses] = (), **columns: Any) -> str:
        if broken[0] and rows:
            broken[0] -= 1
            raise OperationalError("", None, Exception("gone"))
        return beat(claim, rows, **columns)

    monkeypatch.setattr(context.store, "beat", beaten)
    work(context)
    assert context.store.job(job.id).state == "done"
    assert [row.step for row in context.store.losses(job.id)] == list(range(1, 9))
    assert broken == [0]


def test_files_that_cannot_be_had_leave_the_job_for_later(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any) -> bytes:
        raise ConnectionError("the bucket does not answer")

    job = accept(context.store, context.files)
    with monkeypatch.context() as patch:
        patch.setattr(context.files, "get", unreachable)
        with pytest.raises(ConnectionError):
            work(context)
    assert context.store.job(job.id).state == "running"
    work(context)
    assert context.store.job(job.id).state == "done"


# The heartbeat.


def _heartbeat(context: WorkerContext, **given: Any) -> tuple[Job, heartbeat.Heartbeat]:
    job = accept(context.store, context.files)
    claim = context.store.claim(context.worker)
    assert claim
    return job, heartbeat.Heartbeat(context.store, claim, **{"hung": lambda: None, **given})


def test_a_slow_step_is_no_dead_worker_but_a_hung_one_is(context: WorkerContext) -> None:
    hung, clock = [], Clock()
    job, beating = _heartbeat(context, patience=30, hung=lambda: hung.append(1), clock=clock)
    with beating:
        clock.go_on(29)
        _beats(context, job)
        assert not hung
        clock.go_on(2)
        wait_for(lambda: hung)
        wait_for(lambda: not beating._thread.is_alive())  # and beats no more
    assert hung == [1]


def test_patience_grows_with_the_longest_step(context: WorkerContext) -> None:
    hung, clock = [], Clock()
    job, beating = _heartbeat(context, patience=30, hung=lambda: hung.append(1), clock=clock)
    with beating:
        clock.go_on(20)
        beating.sign()
        clock.go_on(199)
        _beats(context, job)
        assert not hung
        clock.go_on(2)
        wait_for(lambda: hung)


def test_the_first_step_is_told_at_once(context: WorkerContext) -> None:
    job, beating = _heartbeat(context, interval=10 * LIMIT)
    with beating:
        beating.note(Losses(1, 1, 4, 4, 1.0, 1.0, 0.0, 0.0, 0.1))
        wait_for(lambda: context.store.job(job.id).step == 1)
        assert context.store.job(job.id).stuck == 0


def test_a_lost_claim_is_noticed(context: WorkerContext) -> None:
    _, beating = _heartbeat(context)
    with beating:
        context.store.claim(context.worker)
        wait_for(lambda: beating.lost)
    with pytest.raises(ClaimLost):
        beating.beat()


# How often files are written.


@pytest.mark.parametrize(
    ("cost", "steps"),
    [
        (0.0, [1, 3, 5, 7, 9, 11]),  # once a second
        (0.125, [1, 6, 11]),  # a twentieth of the time: every 2.5 s
    ],
)
def test_a_preview_is_made_less_often_where_it_is_dear(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, cost: float, steps: list[int]
) -> None:
    """On a clock of its own: a step takes half a second."""
    context.clock = clock = Clock(0.0)
    job = accept(context.store, context.files, steps=11)
    add, made = Previews.add, []

    def added(self: Previews, picture: Any) -> str:
        made.append(1 + int(2 * clock.now))
        return add(self, picture)

    put = context.files.put

    def slow(job: str, name: str, data: bytes) -> None:
        clock.go_on(cost)
        put(job, name, data)

    monkeypatch.setattr(Previews, "add", added)
    monkeypatch.setattr(context.files, "put", slow)
    after_step(monkeypatch, 0, lambda: clock.go_on(0.5), times=99)
    work(context)
    assert made[:-1] == steps  # the last is that of the finished picture
    assert context.store.job(job.id).preview == f"preview-1-{len(made)}.jpg"
