"""Stylising a film inside an attempt: the finished pieces are what another attempt goes on from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from impasto.apply.network import Network
from impasto.apply.passes import work_of
from impasto.errors import CheckpointError, Notice
from impasto.images.picture import floats
from impasto.runtime import checkpoint as states
from impasto.studio.checkpoints import JobCheckpoints
from impasto.studio.database import retry
from impasto.studio.films import FilmError, FilmRequest, check_work, plain_errors
from impasto.studio.jobs import Job
from impasto.studio.learnt import LearntStyles
from impasto.studio.room import Room
from impasto.studio.runner import Runner, WorkerContext
from impasto.studio.styles import Catalogue
from impasto.video.events import FilmStarted, FramePainted, VideoEvent
from impasto.video.frames import NetworkStylizer
from impasto.video.pieces import Arrays, Pieces
from impasto.video.stylizer import VideoStylizer

_SHORTEST = 8
"""Frames of a piece, at least: its first frame is a key frame, which takes room."""

_CLIP = "clip"


class FilmRunner(Runner):
    """Runs a video stylizer."""

    def run(self, checkpoint: str | None) -> bool:
        """Stylise to the end, or until the owner stops it; return and raise as `Runner.run`."""
        self._request = FilmRequest.of(self._claim.request)
        clip = self._room.wait_for(self._fetch_clip)
        with plain_errors(clip), warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)  # there is nobody here to read them
            self._stylizer = self._build(clip, checkpoint)
            return self._follow(self._stylizer)

    def finish(self) -> Iterator[tuple[str, str, Path]]:
        """Yield the column, the name and the path of the film, as far as it is painted."""
        if self._stylizer.stopped:
            self._room.wait_for(self._stylizer.save_stopped)
        number, format = self._claim.attempt, self._request.asked.format
        yield "film", f"film-{number}.{format}", self._stylizer.out

    def _fetch_clip(self) -> Path:
        files, job = self._context.files, self._claim.id
        name = next((one for one in files.names(job) if one.startswith("clip.")), None)
        if name is None:
            raise FilmError("the clip is gone")
        path = self._context.scratch / _CLIP
        files.fetch(job, name, path)
        return path

    def _build(self, clip: Path, checkpoint: str | None) -> VideoStylizer:
        context, job, asked = self._context, self._claim, self._request.asked
        own = LearntStyles(context.store, context.files).now(job.owner)
        pack, shares = Catalogue().find(asked.style, fast=asked.fast, own=own)
        # What travels in the film says nothing of where files lie here.
        self._pack = pack = replace(pack, name=Path(pack.name).stem)
        network = Network(pack, shares, threads=context.settings.threads_each)
        read = context.settings.film_limits
        self._frames = NetworkStylizer(network, asked.options, read)
        stylizer = VideoStylizer(
            self._frames,
            clip,
            context.scratch / f"film.{asked.format}",
            self._request.video,
            size=asked.options.size,
            read=read,
            resume=checkpoint is not None,
            pieces=partial(
                JobPieces, context, self._claim, self._checkpoints, self._room, checkpoint
            ),
            clock=context.clock,
        )
        stylizer.recipe["content"]["name"] = _CLIP
        stylizer.film.metadata.clear()  # where it was filmed, and with what
        return stylizer

    def _take(self, event: VideoEvent) -> None:
        heartbeat, claim = self._heartbeat, self._claim
        if isinstance(event, FilmStarted):
            retry(lambda: self._context.store.begin(claim))
            self.step = self._done = event.done  # frames and seconds of earlier attempts
            self._before = claim.seconds if event.done else 0.0
            size = {"width": event.width, "height": event.height}
            heartbeat.note(None, **size, step=event.done, steps=event.frames or 0)
        elif isinstance(event, FramePainted):
            self._check(event)
            self.stepped, self.step = True, event.frame
            rate = (event.frame - self._done) / max(event.seconds, 1e-3)
            frames = int(rate * self._context.settings.checkpoint_every)
            self._frames.piece = max(_SHORTEST, min(NetworkStylizer.piece, frames))
            heartbeat.note(
                step=event.frame,
                steps=event.frames or 0,
                seconds=self._before + event.seconds,
                remaining=event.remaining,
            )
            if self._previews.due:
                self._add_preview(floats(event.picture))

    def _check(self, event: FramePainted) -> None:
        """Raise `FilmError` for a film that is longer than its header said."""
        settings, height, width = self._context.settings, *event.picture.shape[:2]
        if event.time - self._stylizer.film.begins > settings.max_film_seconds:
            raise FilmError(f"the clip has more than the {settings.max_film_seconds:g} s allowed")
        each = work_of(self._pack, self._request.asked.options, width, height)
        check_work(event.frame * each, settings)


class JobPieces(Pieces):
    """Pieces of which a copy lies with the files of a job, and the state as its checkpoint.

    Every attempt writes pieces under names of its own; a checkpoint names those that it needs. So
    an attempt that was overtaken spoils nothing.
    """

    def __init__(
        self,
        context: WorkerContext,
        claim: Job,
        checkpoints: JobCheckpoints,
        room: Room,
        checkpoint: str | None,
        out: Path,
        run: Mapping[str, Any],
    ) -> None:
        super().__init__(out, run)
        self._files, self._job, self._attempt = context.files, claim.id, claim.attempt
        self._checkpoints, self._room, self._checkpoint = checkpoints, room, checkpoint
        self._names: list[str] = []

    def begin(self, *, resume: bool) -> tuple[Arrays, dict[str, Any]] | None:
        """As `Pieces.begin`, with the pieces of the checkpoint. Raises `CheckpointError`."""
        self.remove()
        if self._checkpoint:
            self._folder.mkdir()
            self._checkpoints.fetch(self._checkpoint, self._state)
            self._names = list(states.read(self._state)[1]["names"])
            try:
                for number, name in enumerate(self._names):
                    self._files.fetch(self._job, name, self.path(number))
            except FileNotFoundError as error:
                raise CheckpointError(f"{self._checkpoint}: a piece no longer exists") from error
        return super().begin(resume=resume)

    def keep(self, arrays: Arrays, data: Mapping[str, Any]) -> None:
        """As `Pieces.keep`; after that another attempt can go on from here."""
        name = f"piece-{self._attempt}-{self.count}"
        names = [*self._names, name]
        super().keep(arrays, {**data, "names": names})
        self._room.wait_for(lambda: self._files.copy(self._job, name, self.paths[-1]))
        self._names = names
        self._room.wait_for(lambda: self._checkpoints.put(self._state))
