"""From paintings, photos and options to a pack of styles, through events."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import impasto
from impasto import weights
from impasto.errors import CheckpointError, OptionsError
from impasto.events import Saved, TrainingEvent
from impasto.images import Picture, fit, read_picture, resize
from impasto.images.read import Source
from impasto.images.tensors import to_tensor
from impasto.nets import transformer, vgg
from impasto.nets.architecture import ORIGINAL, Architecture, architecture, style_tensors
from impasto.optimize import checkpoint as files
from impasto.optimize.device import choose_device, choose_precision
from impasto.options import ReadOptions, TrainOptions, said
from impasto.training.criterion import Grams, PerceptualLoss, stack
from impasto.training.data import Crops, photos_in
from impasto.training.loop import DISTANCE, Loop
from impasto.training.naming import named
from impasto.training.preview import sheet
from impasto.training.processes import Processes
from impasto.zoo.cards import PackCard, StyleCard
from impasto.zoo.pack import Pack


@dataclass(frozen=True)
class Keeping:
    """Where the state of a training is kept, how often in seconds, and whether to go on from it."""

    path: Path | None = None
    every: float = 60.0
    resume: bool = False


class Trainer:
    """Trains a network on the photos in a folder to paint in the styles of paintings.

    Iterate over it for its events; then, or at any time between two of them, `pack` is what has
    been learnt. ``cards`` say what is to be known of the paintings, by their files' stems.
    ``base`` is a pack to add the styles to: it keeps its network, only the new styles' scales and
    shifts are trained. ``start`` is a pack whose network all begins with, instead of with nothing;
    a style begins with the one of its name, or else between all.

    Raises `OptionsError`, `ImageError`, `WeightsError` and, when resuming, `CheckpointError`.
    """

    def __init__(
        self,
        styles: Sequence[Source],
        photos: str | Path,
        options: TrainOptions | None = None,
        *,
        cards: Mapping[str, StyleCard] | None = None,
        base: Pack | None = None,
        start: Pack | None = None,
        read: ReadOptions | None = None,
        keeping: Keeping | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options or TrainOptions()
        self._read = read or ReadOptions()
        self._keeping = keeping or Keeping()
        self._base = base
        self._start = start
        self._clock = clock
        self._began = clock()
        self.processes = Processes()
        if not styles:
            raise OptionsError("--style needs at least one painting")
        self._paintings = [read_picture(style, self._read) for style in styles]
        self._cards = named(self._paintings, cards or {}, base)
        self._factors = said.each("style_weight", self.options.style_weight, len(styles))
        self._photos = photos_in(Path(photos))
        self.device = choose_device(self.options.device)
        self.precision = choose_precision(self.options.precision, self.device)
        self._net = self._build()
        self._loss = self._criterion()
        self._loop: Loop | None = None
        self._kept: tuple[dict[str, NDArray[Any]], dict[str, Any]] | None = None
        if self._keeping.resume:
            self._kept = self._resumed()
        self._saved_at = clock()

    def __iter__(self) -> Iterator[TrainingEvent]:
        """Train to the end."""
        for event in self._work():
            yield event
            if self._clock() - self._saved_at > self._keeping.every:
                yield from self.save()
        yield from self.save()

    def _work(self) -> Iterator[TrainingEvent]:
        grams = [self._gram(painting) for painting in self._paintings]
        loop = self._loop = self._make_loop(grams)
        if self._kept:
            arrays, data = self._kept
            if data["loop"]:
                loop.restore({n: torch.from_numpy(a) for n, a in arrays.items()}, data["loop"])
            self._kept = None
        loop.seconds = max(loop.seconds, self._clock() - self._began)
        yield from loop.run()

    @property
    def _old(self) -> int:
        """How many styles come before the new ones: those of the base, or the photo alone."""
        return len(self._base.styles) if self._base else 1

    def _build(self) -> transformer.TransferNet:
        """Build the network, with a row for the photo and one for each style."""
        torch.manual_seed(self.options.seed)
        given = self._given()
        shape = given.architecture if given else architecture(self.options.model)
        net = transformer.TransferNet(_edgeless(shape), self._old + len(self._cards))
        if given:
            self._take(net, given)
        return net.to(self.device)

    def _given(self) -> Pack | None:
        """Return the pack that the network comes from."""
        if self._base and self._start:
            raise OptionsError("--add-to keeps a pack's network, --start changes it: give one")
        start = self._start
        for flag, pack in (("--add-to", self._base), ("--start", start)):
            if pack and not pack.has_original:
                raise OptionsError(f"{flag} {pack.name}: was not made by impasto train")
        model = self.options.model
        if start and start.architecture.name != model:
            its = start.architecture.name
            raise OptionsError(f"--start {start.name}: its network is {its}, --model is {model}")
        return self._base or start

    @torch.no_grad()
    def _take(self, net: transformer.TransferNet, given: Pack) -> None:
        """Begin with the weights of a pack, with new styles between those that are there."""
        its = {name: [i] for i, name in enumerate(given.styles)}
        between = list(range(1, len(its))) or [0]
        rows = [[i] for i in range(self._old)]
        rows += [its.get(card.name, between) for card in self._cards]
        of_styles = style_tensors(given.architecture)
        for name, array in given.tensors.items():
            parameter, tensor = net.get_parameter(name), torch.from_numpy(array)
            if name in of_styles:
                parameter.copy_(torch.stack([tensor[row].mean(0) for row in rows]))
            else:
                parameter.copy_(tensor)
                parameter.requires_grad_(not self._base)

    def _criterion(self) -> PerceptualLoss:
        options = self.options
        net = vgg.build(weights.find(options.weights), padding="replicate")
        return PerceptualLoss(
            net.prepare(self.device, self.precision),
            content_layers=(options.content_layer,),
            style_layers=options.style_shares,
            tv_weight=options.tv_weight,
        )

    def _gram(self, painting: Picture) -> Grams:
        width, height = fit(painting.width, painting.height, self.options.style_size)
        return self._loss.grams(to_tensor(resize(painting.rgb, width, height), self.device))

    def _make_loop(self, grams: Sequence[Grams]) -> Loop:
        options = self.options
        total = self._old + len(grams)
        # Styles that are not trained have no painting here; any will do in their places.
        rows = stack([*[grams[0]] * self._old, *grams])
        return Loop(
            self._net,
            self._loss,
            grams=rows,
            distances=[DISTANCE ** (1 / factor) for factor in self._factors],
            trained=range(self._old, total),
            crops=Crops(self._photos, options.size, options.seed, self._read),
            batch=options.batch,
            learning_rate=options.learning_rate,
            length=self._length,
            precision=self.precision,
            workers=options.workers,
            processes=self.processes,
            clock=self._clock,
        )

    def _length(self, step: int, seconds: float) -> float:
        if self.options.steps is not None:
            return step / self.options.steps
        return seconds / self.options.seconds

    @property
    def pack(self) -> Pack:
        """What has been learnt so far: the average of the latest weights."""
        average = self._loop.average if self._loop else {}
        tensors = {
            name: average.get(name, parameter.detach()).float().cpu().numpy().copy()
            for name, parameter in self._net.named_parameters()
        }
        if self._base:  # to the bit
            of_styles = style_tensors(self._base.architecture)
            for name, array in self._base.tensors.items():
                if name in of_styles:
                    tensors[name][: self._old] = array
        before = self._base.card.styles if self._base else (StyleCard(name=ORIGINAL),)
        cards = list(self._cards)
        if self._loop:
            weights = self._loop.weights[self._old :].tolist()
            cards = [replace(card, weight=w) for card, w in zip(cards, weights, strict=True)]
        card = PackCard(
            architecture=self._net.architecture.name,
            styles=(*before, *cards),
            training=self.training,
        )
        return Pack(card, tensors)

    @property
    def training(self) -> dict[str, Any]:
        """What is to be known of the training, as plain data."""
        loop = self._loop
        about: dict[str, Any] = {
            "version": impasto.__version__,
            "options": self.options.to_dict(),
            "photos": len(self._photos),
            "photos_sha256": _fingerprint(self._photos),
            "steps": loop.step if loop else 0,
            "samples": loop.step * self.options.batch * self.processes.world if loop else 0,
            "seconds": round(loop.seconds) if loop else 0,
            "device": str(self.device),
        }
        if self._base:
            about["added_to"] = {"sha256": self._base.sha256, **self._base.card.training}
        if self._start:
            about["started_from"] = {"sha256": self._start.sha256, **self._start.card.training}
        return about

    def save(self) -> Iterator[Saved]:
        """Keep the state, if it is to be kept."""
        self._saved_at = self._clock()
        path = self._keeping.path
        if path is None or self.processes.rank:
            return
        tensors, loop = self._loop.state() if self._loop else ({}, {})
        arrays = {name: tensor.float().cpu().numpy() for name, tensor in tensors.items()}
        files.write(path, arrays, {"run": self._run(), "loop": loop})
        yield Saved(path, "checkpoint")

    def _resumed(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        path = self._keeping.path
        if path is None:
            raise OptionsError("--resume goes with --checkpoint")
        arrays, data = files.read(path)
        try:
            files.check_same_run(path, data["run"], self._run())
            if not isinstance(data["loop"], dict):
                raise ValueError("it is incomplete")
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: is no checkpoint of a training ({error})") from error
        return arrays, data

    def _run(self) -> dict[str, Any]:
        """What has to be the same for a training to go on: all but how long, and on what."""
        options = self.options.to_dict()
        for name in ("steps", "minutes", "device", "workers"):
            del options[name]
        return {
            "options": options,
            "styles": {c.name: p.sha256 for c, p in zip(self._cards, self._paintings, strict=True)},
            "photos": _fingerprint(self._photos),
            "base": self._base.sha256 if self._base else "",
            "start": self._start.sha256 if self._start else "",
        }

    def preview(self) -> NDArray[np.uint8]:
        """Return a sheet, RGB (H, W, 3): a photo a row, as it is and in every new style."""
        parameters: dict[str, Tensor] = dict(self._net.named_parameters())
        parameters |= self._loop.average if self._loop else {}
        styles = {card.name: i for i, card in enumerate(self._cards, start=self._old)}
        return sheet(self._net, parameters, styles, self._photos, self._read)


def _edgeless(shape: Architecture) -> Architecture:
    """Pad crops so far that the network never sees where they end.

    It would learn to spend, along the edges, the colours that the style asks for.
    """
    return replace(shape, margin=shape.halo)


def _fingerprint(paths: Sequence[Path]) -> str:
    """Hash the names and sizes of files."""
    rows = "\n".join(f"{path.name} {path.stat().st_size}" for path in paths)
    return hashlib.sha256(rows.encode()).hexdigest()
