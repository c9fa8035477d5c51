"""Trains a pack of styles from paintings and photos, yielding events."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import impasto
from impasto import samples, weights
from impasto.errors import CheckpointError, ImageError, OptionsError, in_memory
from impasto.events import Saved, TrainingEvent, Unreadable
from impasto.images import Picture, fit, resize
from impasto.images.alpha import partly, seen_part
from impasto.images.read import Source, read_stored
from impasto.images.resize import resize_plane
from impasto.images.tensors import to_tensor
from impasto.nets import vgg
from impasto.nets.architecture import ORIGINAL, architecture, style_tensors
from impasto.nets.feature_net import VGG19
from impasto.options import ReadOptions, TrainOptions, parsing
from impasto.options.train import DISTANCE
from impasto.runtime import checkpoint as files
from impasto.runtime.device import choose_device, choose_precision
from impasto.training.data import Crops, photos_in
from impasto.training.loop import Loop
from impasto.training.naming import named
from impasto.training.objectives import PaintingObjective, TeacherObjective, TrainingObjective
from impasto.training.perceptual import Layers, PerceptualLoss, of_styles
from impasto.training.preview import sheet
from impasto.training.processes import Processes
from impasto.training.student import Student
from impasto.zoo.cards import PackCard, StyleCard
from impasto.zoo.pack import Pack

Photos = str | Path | Sequence[Source] | None
"""A folder, a list of pictures, or None for the photos of `impasto.samples`."""

_TRAINED_LOG = 2.5
"""The initial logarithm of a style's weight, if the network is trained already."""

_RATES = {"nothing": 2.5e-3, "teacher": 2.5e-3, "start": 1e-3}
"""The learning rate, by the initial weights."""

_PICTURES = {"cuda": 18, "cpu": 6, "mps": 6}
"""Pictures per step, by type of device."""


@dataclass(frozen=True)
class StateFile:
    """Where to save the state of a training, how often in seconds, and whether to resume from it.

    ``restart`` allows replacing the state of an earlier training.
    """

    path: Path | None = None
    every: float = 60.0
    resume: bool = False
    restart: bool = False


class Trainer:
    """Trains a network on photos to paint in the styles of paintings.

    Iterate over it for its events; between any two of them and at the end, `pack` is the network
    trained so far. ``cards`` gives metadata of the paintings, by the stems of their files.

    ``start`` is a pack with the initial weights; a style starts from the one with its name, else
    from the mean of all. Without it, training starts from scratch. ``teacher`` is a pack of a
    larger network whose styles are learnt from its output; styles that also have a painting learn
    from the painting in the end. To add a style to a pack without changing the rest, use `Learner`.

    Raises `OptionsError`, `ImageError`, `WeightsError` and, when resuming, `CheckpointError`.
    """

    def __init__(
        self,
        styles: Sequence[Source],
        photos: Photos = None,
        options: TrainOptions | None = None,
        *,
        cards: Mapping[str, StyleCard] | None = None,
        start: Pack | None = None,
        teacher: Pack | None = None,
        read: ReadOptions | None = None,
        state_file: StateFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options or TrainOptions()
        self._read = read or ReadOptions()
        self._state_file = state_file or StateFile()
        if self._state_file.path and not self._state_file.resume:
            files.check_free(self._state_file.path, restart=self._state_file.restart)
        self._start, self._teacher = start, teacher
        self._clock = clock
        self._began = clock()
        self.processes = Processes()
        self._check_packs()
        if not styles and not teacher:
            raise OptionsError("--style needs at least one painting, unless there is a --teacher")
        self._paintings = [seen_part(read_stored(style, self._read)).picture for style in styles]
        found = named(self._paintings, cards or {})
        self._cards = self._with_distances(found)
        self._painted = tuple(self.styles.index(card.name) for card in found)
        self._closed: list[ImageError] = []
        self.photos = sources_of(photos, self._closed.append)
        self.on_samples = photos is None
        self.device = choose_device(self.options.device)
        self.precision = choose_precision(self.options.precision, self.device)
        check_sizes(self.options, [(p.name, p.rgb) for p in self._paintings])
        self.per_step = self._arranged()
        """The number of photos per step, and of pictures made of each."""
        self._net = self._build()
        self._logs = self._weights()
        self._loop: Loop | None = None
        self._kept: tuple[dict[str, NDArray[Any]], dict[str, Any]] | None = None
        if self._state_file.resume:
            self._kept = self._resumed()
        self._saved_at = clock()

    def __iter__(self) -> Iterator[TrainingEvent]:
        """Train to the end, or until stopped."""
        with (
            in_memory("lower --batch or --size"),
            files.locked(None if self.processes.rank else self._state_file.path),
        ):
            for error in self._closed:
                yield Unreadable(str(error))
            for event in self._work():
                yield event
                if self._clock() - self._saved_at > self._state_file.every:
                    yield from self.save()
            yield from self.save()

    def stop(self) -> None:
        """End after the current step, in all processes; `stopped` is then true."""
        if self._loop:
            self._loop.stop()

    @property
    def stopped(self) -> bool:
        """Whether `stop` ended the training early."""
        return bool(self._loop and self._loop.stopped)

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of the styles, in the order of their rows."""
        return tuple(card.name for card in self._cards)

    @property
    def learnt(self) -> tuple[str, ...]:
        """The names of the styles that are trained."""
        return tuple(self.styles[number] for number in self._trained)

    def _work(self) -> Iterator[TrainingEvent]:
        crops = Crops(
            self.photos, self.options.size, self.options.seed, self._read,
            device=self.device, threads=1 if self.device.type == "cpu" else 8,
        )  # fmt: skip
        try:
            loop = self._loop = self._make_loop(crops)
            if self._kept:
                arrays, data = self._kept
                if data["loop"]:
                    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
                    loop.restore(tensors, data["loop"])
                    self._logs.copy_(tensors["logs"])
                self._kept = None
            loop.seconds = max(loop.seconds, self._clock() - self._began)
            yield from loop.run()
        finally:
            crops.close()

    @property
    def packs(self) -> dict[str, Pack]:
        """The packs that training starts from, by the flags that name them."""
        packs = {"--from": self._start, "--teacher": self._teacher}
        return {flag: pack for flag, pack in packs.items() if pack}

    @property
    def model(self) -> str:
        """The size of the network."""
        return self._net.architecture.name

    def _check_packs(self) -> None:
        for flag, pack in self.packs.items():
            if not pack.has_original:
                raise OptionsError(
                    f"{flag} {pack.name}: was not made by impasto train; give such a pack"
                )
        model = self.options.model
        if self._start and self._start.card.architecture != model:
            its = self._start.card.architecture
            raise OptionsError(
                f"--from {self._start.name}: its network is {its}, but --model is {model}; "
                "they must be the same"
            )

    def _with_distances(self, found: Sequence[StyleCard]) -> tuple[StyleCard, ...]:
        """Return the cards of all styles, with the target distances of those with paintings.

        Raises `OptionsError` for a painting of a style that the teacher lacks.
        """
        given = self.options.distance
        distances = parsing.each("distance", given, len(found)) if given is not None else None
        for i, card in enumerate(found):
            distance = distances[i] if distances else card.distance or DISTANCE
            if not 0.05 <= distance <= 2:
                raise OptionsError(
                    f"{card.name}: its card has the distance {distance:g}; allowed are 0.05 to 2"
                )
            found = [*found[:i], replace(card, distance=distance), *found[i + 1 :]]
        if self._teacher is None:
            return (StyleCard(name=ORIGINAL), *found)
        new = {card.name: card for card in found}
        if unknown := [name for name in new if name not in self._teacher.styles]:
            raise OptionsError(
                f"--teacher {self._teacher.name} has no style {unknown[0]!r}; rename the painting "
                "to one of its styles, or add it afterwards with impasto learn"
            )
        ordered = sorted(self._teacher.card.styles, key=lambda card: card.name != ORIGINAL)
        return tuple(new.get(card.name, card) for card in ordered)

    def _arranged(self) -> tuple[int, int]:
        """Return the number of photos per step, and of pictures made of each."""
        return arranged(self.options, len(self._trained), self.device.type, self.processes.world)

    @property
    def _trained(self) -> tuple[int, ...]:
        """The indices of the styles that are trained."""
        return tuple(range(1, len(self._cards)))

    def _build(self) -> Student:
        """Build the network, with a row for the photo and one for each style."""
        torch.manual_seed(self.options.seed)
        net = Student(architecture(self.options.model), len(self._cards), self.precision)
        if self._start:
            self._take(net, self._start)
        return net.to(self.device)

    @torch.no_grad()
    def _take(self, net: Student, given: Pack) -> None:
        """Copy the weights of a pack; new styles start from the mean of its styles."""
        its = {name: [i] for i, name in enumerate(given.styles)}
        between = [i for name, [i] in its.items() if name != ORIGINAL] or [its[ORIGINAL][0]]
        rows = [its.get(name, between) for name in self.styles]
        of_styles = style_tensors(given.architecture)
        for name, array in given.tensors.items():
            parameter, tensor = net.get_parameter(name), torch.from_numpy(array)
            if name in of_styles:
                parameter.copy_(torch.stack([tensor[row].mean(0) for row in rows]))
            else:
                parameter.copy_(tensor)

    def _weights(self) -> torch.Tensor:
        """Return the initial logarithms of the styles' weights."""
        logs = torch.zeros(len(self._cards))
        if not self._start:
            return logs.to(self.device)
        known = {card.name: card.weight for card in self._start.card.styles}
        for number in self._painted:
            weight = known.get(self.styles[number], 0)
            logs[number] = math.log(weight) if weight > 0 else _TRAINED_LOG
        return logs.to(self.device)

    def _make_loop(self, crops: Crops) -> Loop:
        options = self.options
        rate = (
            options.learning_rate
            or _RATES["teacher" if self._teacher else "start" if self._start else "nothing"]
        )
        return Loop(
            self._net,
            self._objectives(),
            crops=crops,
            photos=self.per_step[0],
            each=self.per_step[1],
            learning_rate=rate,
            length=self._length,
            processes=self.processes,
            clock=self._clock,
        )

    def _objectives(self) -> Callable[[float, int], TrainingObjective]:
        """Return the function that chooses the objective of each step."""
        painted = self._paintings_asked() if self._paintings else None
        if self._teacher is None:
            assert painted is not None
            return lambda _progress, _step: painted
        given = self._teacher
        teacher = Student(given.architecture, len(given.styles), self.precision)
        teacher.load_state_dict({k: torch.from_numpy(array) for k, array in given.tensors.items()})
        teacher.to(self.device).requires_grad_(False)
        rows = [given.styles.index(name) for name in self.styles]
        taught = TeacherObjective(teacher, rows, self._trained)
        if painted is None:
            return lambda _progress, _step: taught
        rest = tuple(number for number in self._trained if number not in painted.styles)
        share, others = len(rest) / len(self._trained), replace(taught, styles=rest)

        def objective(progress: float, step: int) -> TrainingObjective:
            if progress < self.options.taught:
                return taught
            # Styles without a painting still learn from the teacher, in a proportional number of
            # steps.
            draw = np.random.default_rng((self.options.seed, 3, step)).random()
            return others if draw < share else painted

        return objective

    def _paintings_asked(self) -> PaintingObjective:
        net = vgg.build(weights.find(self.options.weights))
        criterion = PerceptualLoss.of(self.options, net.prepare(self.device, self.precision))
        paintings = of_styles([self._statistics(criterion, p) for p in self._paintings])
        distances = [self._cards[number].distance for number in self._painted]
        return PaintingObjective(criterion, paintings, self._painted, distances, self._logs)

    def _statistics(self, criterion: PerceptualLoss, painting: Picture) -> Layers:
        size = fit(painting.width, painting.height, self.options.style_size)
        alpha = partly(painting.alpha)
        if alpha is not None:
            alpha = resize_plane(alpha, *size)
        return criterion.painting(to_tensor(resize(painting.rgb, *size), self.device), alpha)

    def _length(self, step: int, seconds: float) -> float:
        if self.options.steps is not None:
            return step / self.options.steps
        return seconds / self.options.seconds

    @property
    def pack(self) -> Pack:
        """The network trained so far: the moving average of the weights."""
        average = self._loop.vector.averages() if self._loop else {}
        tensors = {
            name: average.get(name, parameter.detach()).float().cpu().numpy().copy()
            for name, parameter in self._net.named_parameters()
        }
        weights = self._logs.exp().tolist()
        cards = tuple(
            replace(card, weight=weights[i]) if i in self._painted else card
            for i, card in enumerate(self._cards)
        )
        card = PackCard(
            architecture=self._net.architecture.name, styles=cards, training=self.training
        )
        return Pack(card, tensors)

    @property
    def training(self) -> dict[str, Any]:
        """Metadata of the training, as plain data."""
        loop = self._loop
        about: dict[str, Any] = {
            "version": impasto.__version__,
            "options": self.options.to_dict(),
            "photos": len(self.photos),
            "photos_sha256": _fingerprint(self.photos),
            "steps": loop.step if loop else 0,
            "samples": loop.samples if loop else 0,
            "seconds": round(loop.seconds) if loop else 0,
            "device": str(self.device),
        }
        for name, pack in (("started_from", self._start), ("taught_by", self._teacher)):
            if pack:
                about[name] = {"sha256": pack.sha256, **pack.card.training}
        return about

    def save(self) -> Iterator[Saved]:
        """Save the state, if there is a file for it."""
        self._saved_at = self._clock()
        path = self._state_file.path
        if path is None or self.processes.rank:
            return
        tensors, loop = self._loop.state() if self._loop else ({}, {})
        tensors["logs"] = self._logs
        arrays = {name: tensor.float().cpu().numpy() for name, tensor in tensors.items()}
        files.write(path, arrays, {"run": self._run(), "loop": loop})
        yield Saved(path, "checkpoint")

    def _resumed(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        path = self._state_file.path
        if path is None:
            raise OptionsError("--resume needs --checkpoint")
        arrays, data = files.read(path)
        try:
            files.check_same_run(path, data["run"], self._run())
            if not isinstance(data["loop"], dict):
                raise ValueError("it is incomplete")
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path}: is not a checkpoint of a training ({error})") from error
        return arrays, data

    def _run(self) -> dict[str, Any]:
        """Everything that must be the same to resume: all but the duration and the device."""
        options = self.options.to_dict()
        for name in ("steps", "budget", "device"):
            del options[name]
        asked = [self._cards[number] for number in self._painted]
        return {
            "options": {**options, "batch": math.prod(self.per_step)},
            "styles": {c.name: p.sha256 for c, p in zip(asked, self._paintings, strict=True)},
            "distances": {card.name: card.distance for card in asked},
            "photos": _fingerprint(self.photos),
            "start": self._start.sha256 if self._start else "",
            "teacher": self._teacher.sha256 if self._teacher else "",
        }

    def preview(self) -> NDArray[np.uint8]:
        """Return a contact sheet, RGB (H, W, 3): a row for each photo, with every trained style."""
        parameters = dict(self._net.named_parameters())
        average = self._loop.vector.averages() if self._loop else {}
        styles = {self.styles[number]: number for number in self._trained}
        return sheet(self._net, {**parameters, **average}, styles, self.photos, self._read)


def least_sides(options: TrainOptions) -> dict[str, float]:
    """Return the smallest sides of crops ("content") and paintings ("style"), in pixels."""
    return {
        kind: VGG19.smallest_side([name for name, share in layers if share])
        / min(size for size, share in sizes if share)
        for kind, layers, sizes in (
            ("content", options.content_layers, options.content_sizes),
            ("style", options.style_layers, options.style_sizes),
        )
    }


def check_sizes(options: TrainOptions, paintings: Sequence[tuple[str, NDArray[Any]]]) -> None:
    """Raise `OptionsError` if crops or paintings are too small for the layers and sizes.

    ``paintings`` holds names and pictures (h, w, 3).
    """
    least = least_sides(options)
    for kind, side in least.items():
        if options.size < side:
            raise OptionsError(
                f"--size must be at least {side:g} for --{kind}-layers at --{kind}-sizes, "
                f"got {options.size}"
            )
    for name, painting in paintings:
        height, width, _ = painting.shape
        if min(fit(width, height, options.style_size)) < least["style"]:
            raise OptionsError(
                f"{name}: its short side must have at least {least['style']:g} pixels "
                f"for --style-layers at --style-sizes; raise --style-size (now "
                f"{options.style_size})"
            )


def arranged(options: TrainOptions, styles: int, device: str, world: int = 1) -> tuple[int, int]:
    """Return the number of photos per step, and of pictures made of each.

    ``device`` is a type of device; on GPUs the default grows with their number. Raises
    `OptionsError` if the photos cannot be divided evenly among the processes.
    """
    each = max(1, min(options.each, styles))
    usual = _PICTURES.get(device, 6) * (world if device == "cuda" else 1)
    photos = max(1, (options.batch or usual) // each)
    if options.batch is None:
        photos = -(-photos // world) * world
    if photos % world:
        raise OptionsError(
            f"--batch {options.batch} gives {photos} photos per step, in {each} styles each, which "
            f"cannot be divided evenly among {world} processes"
        )
    return photos, each


def sources_of(
    photos: Photos, unreadable: Callable[[ImageError], None] | None = None
) -> Sequence[Source]:
    """Return the photos as a sequence. Raises `ImageError` and `OptionsError`.

    Errors of unreadable subfolders are passed to ``unreadable``.
    """
    if photos is None:
        return [samples.photo(name) for name in samples.PHOTOS]
    if isinstance(photos, str | Path):
        return photos_in(Path(photos), unreadable)
    if not photos:
        raise OptionsError("--photos needs at least one photo")
    return list(photos)


def _fingerprint(photos: Sequence[Source]) -> str:
    """Hash the names and sizes of files, and the values of pictures in memory."""
    rows = []
    for photo in photos:
        if isinstance(photo, Path):
            size = photo.stat().st_size if photo.exists() else 0
            rows.append(f"{photo.name} {size}")
        elif isinstance(photo, np.ndarray):
            rows.append(hashlib.sha256(np.ascontiguousarray(photo).data).hexdigest())
        else:
            rows.append(str(photo))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
