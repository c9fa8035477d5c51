"""Writes the files that `RecordOptions` asks for from the events of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.atomic import check_output
from impasto.errors import CheckpointError, OutputError
from impasto.events import Event, Losses, Saved, Step
from impasto.options import RecordOptions
from impasto.record import film, log
from impasto.record.existing import check_replaceable
from impasto.record.frames import Frames
from impasto.record.log import Log
from impasto.record.plot import EXTENSIONS as PLOT_EXTENSIONS
from impasto.record.plot import plot
from impasto.record.timelapse import MAX_SHOTS, TimeLapse
from impasto.text import shown

Picture = NDArray[np.float32]

# Seconds that follow the last step. They are rough: a budget is many times longer.
_SAVING_A_PIXEL, _PLOTTING, _FILMING, _FILMING_A_STEP = 4e-7, 0.7, 0.2, 0.008


class Recorder:
    """Writes the records of a run that the options ask for.

    ``width`` and ``height`` are those of the finished picture. ``inputs`` are files that must not
    be overwritten. ``photo`` (float32 [h, w, 3] in [0, 1]) opens the time-lapse; without it, the
    picture of the first step does. ``alpha`` (h, w) in [0, 1] is the transparency of all pictures:
    frames keep it, a time-lapse has a white background. The constructor checks everything: it
    raises `OutputError` for files that cannot be written and `MissingExtraError` for an .mp4
    without PyAV. No file changes before the first step is done.
    """

    def __init__(
        self,
        options: RecordOptions,
        width: int,
        height: int,
        *,
        inputs: Iterable[str | Path] = (),
        photo: Picture | None = None,
        alpha: Picture | None = None,
    ) -> None:
        self._pixels = width * height
        self._rows: list[Losses] = []
        self._log = Log(Path(options.log)) if options.log else None
        self._log_begun = False
        self._frames, self._frames_begun = None, False
        if options.frames:
            self._frames = Frames(Path(options.frames), options.save_every, alpha)
        self._plot = Path(options.plot) if options.plot else None
        self._timelapse = Path(options.timelapse) if options.timelapse else None
        self._check([Path(path) for path in inputs])
        even = self._is_mp4()
        self._film = TimeLapse(width, height, even=even, alpha=alpha) if self._timelapse else None
        self._photo = self._film.encode(photo) if self._film and photo is not None else None

    def take(self, event: Event) -> list[Saved]:
        """Record an event and return the files that were completed: frames.

        ``event.picture()`` is called at most once, and only if the picture is needed.
        """
        if not isinstance(event, Step):
            return []
        if self._rows and event.step <= self._rows[-1].step:
            self._go_back(event.step)
        if self._log:
            self._begin_log(self._log)
            self._log.add(Losses.of(event))
        if self._frames and not self._frames_begun:
            self._frames.begin(event.step)
            self._frames_begun = True
        self._rows.append(Losses.of(event))
        return self._take_picture(event, cache(event.picture))

    def reserve(self, steps: int) -> float:
        """Return about how many seconds picture, plot and time-lapse take after so many steps."""
        seconds = self._pixels * _SAVING_A_PIXEL
        if self._plot:
            seconds += _PLOTTING
        if self._film:
            seconds += _FILMING + _FILMING_A_STEP * min(steps, MAX_SHOTS)
        return seconds

    def finish(self, picture: Picture | None = None) -> list[Saved]:
        """Write the plot and the time-lapse, and return the completed files.

        ``picture`` is the finished picture, the last one of the time-lapse; by default that is the
        picture of the last step. It works for a run that was stopped early, and does nothing if
        there was no step.
        """
        if not self._rows:
            return []
        saved = []
        if self._log:
            self._begin_log(self._log)
            saved.append(Saved(self._log.path, "log"))
        if self._plot:
            plot(self._rows, self._plot)
            saved.append(Saved(self._plot, "plot"))
        if self._timelapse and self._film:
            self._write_film(self._timelapse, self._film, picture)
            saved.append(Saved(self._timelapse, "time-lapse"))
        return saved

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to continue after the latest step: numpy arrays by name."""
        rows = np.array(self._rows, np.float64).reshape(-1, len(Losses._fields))
        return {"rows": rows, **(self._film.state() if self._film else {})}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state`. The log is truncated to match it at the next step."""
        try:
            rows = [Losses.from_numbers(numbers) for numbers in np.asarray(state["rows"]).tolist()]
            if self._film:
                self._film.restore(state)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the record in the checkpoint is damaged: {error}") from error
        self._rows = rows
        self._log_begun = False

    def _take_picture(self, event: Step, picture: Callable[[], Picture]) -> list[Saved]:
        last = event.step == event.steps
        if self._film and self._film.due(event.step, event.scale, last=last):
            self._film.add(event.step, picture())
        if self._frames and self._frames.due(event):
            return [Saved(self._frames.save(event.step, picture()), "frame")]
        return []

    def _begin_log(self, log: Log) -> None:
        """Match the file to the steps so far: empty for a new run, truncated on resume."""
        if not self._log_begun:
            log.begin(self._rows)
            self._log_begun = True

    def _go_back(self, step: int) -> None:
        """Forget this step and later ones: the engine repeats them."""
        self._rows = [row for row in self._rows if row.step < step]
        self._log_begun = False
        if self._film:
            self._film.cut(step)

    def _write_film(self, path: Path, shots: TimeLapse, picture: Picture | None) -> None:
        finished = shots.encode(picture) if picture is not None else None
        most = film.MOST_PICTURES[path.suffix.lower()]
        film.write_film(path, shots.film(most, self._photo, finished))

    def _check(self, inputs: list[Path]) -> None:
        """Raise `OutputError` if an output is not writable or would overwrite something."""
        wanted = (
            ("--timelapse", self._timelapse, tuple(film.MOST_PICTURES)),
            ("--log", self._log.path if self._log else None, log.EXTENSIONS),
            ("--plot", self._plot, PLOT_EXTENSIONS),
        )
        flags: dict[Path, str] = {}
        for flag, path, extensions in wanted:
            if path is None:
                continue
            check_output(path, extensions=extensions, inputs=inputs)
            check_replaceable(path)
            _claim(flags, flag, path)
        if self._frames:
            _claim(flags, "--frames", self._frames.folder)
            self._frames.check([*inputs, *flags])
        if self._is_mp4():
            film.import_av()

    def _is_mp4(self) -> bool:
        return self._timelapse is not None and self._timelapse.suffix.lower() == ".mp4"


def _claim(flags: dict[Path, str], flag: str, path: Path) -> None:
    other = flags.setdefault(path.resolve(), flag)
    if other != flag:
        raise OutputError(f"{other} and {flag} both write to {shown(path)}")
