"""Learns a style from a painting for an existing network, within seconds, yielding events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import impasto
from impasto import weights
from impasto.errors import CheckpointError, ImageError, OptionsError, in_memory
from impasto.events import Saved, TrainingEvent, Unreadable
from impasto.images.color import is_grey
from impasto.images.picture import floats
from impasto.images.read import MEMORY, Source
from impasto.images.tensors import to_tensor
from impasto.nets import vgg
from impasto.nets.architecture import ORIGINAL, Architecture, style_tensors
from impasto.options import LearnOptions, ReadOptions, TrainOptions
from impasto.options.learn import LEARNT_DISTANCE
from impasto.runtime import checkpoint as files
from impasto.runtime.device import choose_device, choose_precision
from impasto.training.crop_pool import CropPool
from impasto.training.data import Crops
from impasto.training.naming import slug
from impasto.training.painting import read_painting
from impasto.training.perceptual import PerceptualLoss
from impasto.training.preview import sheet
from impasto.training.row_loop import RowLoop, split
from impasto.training.trainer import Photos, StateFile, least_sides, sources_of
from impasto.zoo.cards import StyleCard, plain_name
from impasto.zoo.learnt import check_name, key, tidy
from impasto.zoo.pack import Pack
from impasto.zoo.registry import network
from impasto.zoo.rows import Arrays, Row, Rows

_LOG = 2.0
"""The initial logarithm of a style's weight."""

_EARLIER: Mapping[str, type[int] | type[float]] = {"crops": int, "steps": int, "seconds": float}
"""What the record of a style counts over all times that it was learnt."""

_CROPS = 24
"""The number of crops, which are used repeatedly."""


class Learner:
    """Learns the style of a painting for a network that was trained on other styles.

    Iterate over it for its events; between any two of them and at the end, `row` is the style
    learnt so far, and `pack` the network with it. Only the style's row of scales and shifts is
    learnt (Dumoulin, Shlens and Kudlur 2017, section 2.1); ``body``, the network, stays bit for bit
    the same. None for ``body`` means the bundled network of the size in the options.

    ``name`` is the name of the style, None for that of the painting's file; ``card`` gives more
    metadata. ``began`` is the time of ``clock`` at which the budget starts.

    Raises `OptionsError`, `ImageError` and `WeightsError`.
    """

    def __init__(
        self,
        painting: Source,
        photos: Photos = None,
        options: LearnOptions | None = None,
        *,
        body: Pack | None = None,
        name: str | None = None,
        card: StyleCard | None = None,
        read: ReadOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
        began: float | None = None,
    ) -> None:
        self._clock = clock
        self._began = clock() if began is None else began
        self.options = options or LearnOptions()
        self._read = read or ReadOptions()
        self._state_file = StateFile()
        self.painting = read_painting(painting, self.options.style_size, self._read)
        self._criterion_options = TrainOptions(
            size=self.options.size, style_size=self.options.style_size
        )
        self._check_size()
        self.body = body or network(self.options.model)
        if not self.body.has_original:
            raise OptionsError(
                f"{self.body.name}: was not made by impasto train; only such networks can learn"
            )
        self.card = self._carded(name, card)
        self._begin: Row | None = None
        self._closed: list[ImageError] = []
        self.photos = sources_of(photos, self._closed.append)
        self.device = choose_device(self.options.device)
        self.precision = choose_precision(self.options.precision, self.device)
        self._loop: RowLoop | None = None
        self._before = 0, 0.0
        self._total = False
        self._earlier: dict[str, float] = {name: kind() for name, kind in _EARLIER.items()}
        self._saved_at = clock()

    def __iter__(self) -> Generator[TrainingEvent, None, None]:
        """Learn to the end, or until stopped."""
        with in_memory("lower --size or --style-size"):
            yield from self._learn()

    def _learn(self) -> Iterator[TrainingEvent]:
        crops = Crops(
            self.photos, self.options.size, self.options.seed, self._read, device=self.device
        )
        try:
            for error in self._closed:
                yield Unreadable(str(error))
            loop = self._loop = self._make_loop(crops)
            for event in loop.run():
                yield event
                if self._clock() - self._saved_at > self._state_file.every:
                    yield from self.save()
            yield from self.save()
        finally:
            crops.close()

    def begin_with(
        self, row: Row | None, state_file: StateFile | None = None, *, total: bool = False
    ) -> None:
        """Continue from a style that was learnt before; call this before iterating.

        With ``total`` the budget in seconds includes what was learnt before.

        ``state_file`` says where and how often to save the state. If it holds the state of the same
        learning and of this row, or with ``resume`` of any row, this continues exactly from there,
        else from the row.
        """
        self._begin, self._state_file = row, state_file or StateFile()
        self._total = total

    @property
    def seconds(self) -> float:
        """How long the style has been learnt, before and now."""
        return self._earlier["seconds"] + (self._loop.seconds if self._loop else 0)

    def stop(self) -> None:
        """End after the current step; `stopped` is then true."""
        if self._loop:
            self._loop.stop()

    @property
    def stopped(self) -> bool:
        """Whether `stop` ended it early."""
        return bool(self._loop and self._loop.stopped)

    @property
    def row(self) -> Row:
        """The style learnt so far, at file precision, with a small copy of the painting."""
        loop = self._loop
        values = loop.row if loop else self._first()
        learning = {
            "version": impasto.__version__,
            "pixels": self.painting.pixels,
            **self.options.asked,
            "photos": len(self.photos),
            "crops": self._earlier["crops"] + (loop.samples if loop else 0),
            "steps": self._earlier["steps"] + (loop.step if loop else 0),
            "seconds": round(self.seconds, 1),
        }
        weight = math.exp(loop.log if loop else _LOG)
        card = replace(self.card, weight=weight)
        arrays = {
            name: part.half().float().cpu().numpy()
            for name, part in zip(self._names, split(values, self._shape), strict=True)
        }
        return Row(card, arrays, learning, self.painting.copy)

    @property
    def key(self) -> str:
        """The cache key of this learning."""
        return key(self.painting.pixels, self.body.body, self.options.asked)

    @property
    def terms(self) -> dict[str, float]:
        """Content and style of the latest crops, the number of crops so far, and the seconds."""
        loop = self._loop
        if loop is None:
            return {}
        return {
            "content": round(loop.content, 4),
            "style": round(loop.style, 4),
            "crops": loop.samples,
            "seconds": round(loop.seconds, 1),
        }

    @property
    def rows(self) -> Rows:
        """The style learnt so far, as the content of a file."""
        return Rows(self.body.card.architecture, self.body.body, (self.row,))

    @property
    def pack(self) -> Pack:
        """The network with only this style and the photo."""
        return self.body.only([ORIGINAL]).with_rows([self.row])

    @property
    def _shape(self) -> Architecture:
        return self.body.architecture

    @property
    def _names(self) -> tuple[str, ...]:
        return style_tensors(self._shape)

    def _carded(self, name: str | None, card: StyleCard | None) -> StyleCard:
        stem = "" if self.painting.name == MEMORY else Path(self.painting.name).stem
        called = plain_name(name or (card.name if card else slug(stem) or "style"))
        check_name(called)
        height, width, _ = self.painting.rgb.shape
        given = card or StyleCard(name=called)
        distance = self.options.distance or given.distance or LEARNT_DISTANCE
        return replace(
            given,
            name=called,
            sha256=self.painting.sha256,
            size=max(height, width),
            distance=distance,
            grey=is_grey(self.painting.rgb),
        )

    def _check_size(self) -> None:
        """Raise `OptionsError` if the short side of the painting is too short for the layers."""
        least = least_sides(self._criterion_options)["style"]
        side = min(self.painting.rgb.shape[:2])
        if side < least:
            raise OptionsError(
                f"{self.painting.name}: its short side would have {side} pixels, but needs at "
                f"least {least:g}; raise --style-size (now {self.options.style_size})"
            )

    def _first(self) -> Tensor:
        """Return the initial row: what was learnt before, else the mean of all styles."""
        if self._begin is not None:
            return flat(self._begin.tensors, self._names)
        rows = [self.body.row(name) for name in self.body.styles if name != ORIGINAL]
        rows = rows or [self.body.row(ORIGINAL)]
        return torch.stack([flat(row.tensors, self._names) for row in rows]).mean(0)

    def _make_loop(self, crops: Crops) -> RowLoop:
        options = self.options
        net = vgg.build(weights.find(options.weights))
        criterion = PerceptualLoss.of(
            self._criterion_options, net.prepare(self.device, self.precision)
        )
        shared = self.body.tensors.keys() - set(self._names)
        log = math.log(self._begin.card.weight) if self._begin and self._begin.card.weight else _LOG
        loop = RowLoop(
            self._shape,
            {name: torch.from_numpy(self.body.tensors[name]) for name in shared},
            self._first().to(self.device),
            criterion=criterion,
            pool=CropPool(crops, criterion, _CROPS),
            painting=criterion.painting(
                to_tensor(floats(self.painting.rgb), self.device),
                None if self.painting.alpha is None else floats(self.painting.alpha),
            ),
            distance=self.card.distance,
            log=log,
            size=options.size,
            seed=options.seed,
            learning_rate=options.learning_rate,
            precision=self.precision,
            length=self._length,
            clock=self._clock,
        )
        self._resume(loop)
        self._before = loop.step, loop.seconds
        loop.seconds += self._clock() - self._began
        return loop

    def _length(self, step: int, seconds: float) -> float:
        """Return the progress over what was learnt before and what will be learnt now."""
        steps_before, seconds_before = self._before
        if self.options.steps is not None:
            return step / (steps_before + self.options.steps)
        if self._total:
            return (self._earlier["seconds"] + seconds) / self.options.seconds
        return seconds / (seconds_before + self.options.seconds)

    def save(self) -> Iterator[Saved]:
        """Save the state, if there is a file for it."""
        self._saved_at = self._clock()
        if self._state_file.path is None or self._loop is None:
            return
        tensors, loop = self._loop.state()
        arrays = {name: tensor.float().cpu().numpy() for name, tensor in tensors.items()}
        self._state_file.path.parent.mkdir(parents=True, exist_ok=True)
        about = {
            "run": self._run(),
            "loop": loop,
            "earlier": self._earlier,
            "file": str(Path(self.painting.name).absolute()),
        }
        files.write(self._state_file.path, arrays, about)
        tidy(self._state_file.path.parent)
        yield Saved(self._state_file.path, "checkpoint")

    def _resume(self, loop: RowLoop) -> None:
        """Continue from the saved state if it belongs to the initial row, or is to be resumed."""
        if self._restored(loop) or self._begin is None:
            return
        # Otherwise it starts from the row, as it would on another machine.
        for name, kind in _EARLIER.items():
            earlier = self._begin.learning.get(name, 0)
            self._earlier[name] = kind(earlier) if isinstance(earlier, int | float) else kind(0)

    def _restored(self, loop: RowLoop) -> bool:
        path, resume = self._state_file.path, self._state_file.resume
        if path is None or not path.is_file() or not (resume or self._begin):
            return False
        try:
            arrays, data = files.read(path)
            files.check_same_run(path, data["run"], self._run())
            if not resume and not np.array_equal(
                np.float16(arrays["average"]), np.float16(self._first().numpy())
            ):
                return False
            earlier = {name: kind(data["earlier"][name]) for name, kind in _EARLIER.items()}
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            loop.restore({name: t.to(self.device) for name, t in tensors.items()}, data["loop"])
            self._earlier = earlier
        except (CheckpointError, KeyError, TypeError, ValueError, RuntimeError):
            return False
        return True

    def _run(self) -> dict[str, Any]:
        """Everything that must be the same to continue from a state."""
        return {
            "pixels": self.painting.pixels,
            "body": self.body.body,
            **self.options.asked,
            "learning_rate": self.options.learning_rate,
        }

    def preview(self) -> NDArray[np.uint8]:
        """Return a contact sheet, RGB (H, W, 3): a few photos, original and stylised."""
        assert self._loop
        row = zip(self._names, split(self._loop.row, self._shape), strict=True)
        own = {name: part[None] for name, part in row}
        net = self._loop.net
        parameters = {**dict(net.named_parameters()), **own}
        return sheet(net, parameters, {self.card.name: 0}, self.photos, self._read)


def flat(tensors: Arrays | Mapping[str, Tensor], names: tuple[str, ...]) -> Tensor:
    """Concatenate a row's tensors to one, (P,)."""
    return torch.cat([torch.as_tensor(tensors[name]).flatten() for name in names]).float()
