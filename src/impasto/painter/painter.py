"""The painter: pictures and options in, events and a painting out."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import impasto
from impasto import weights
from impasto.errors import CheckpointError, OptionsError, in_memory
from impasto.events import Event, Losses, Saved, Step
from impasto.images import resize
from impasto.images.read import Source
from impasto.images.tensors import to_array
from impasto.losses.builder import build, map_layers
from impasto.losses.objective import Criterion
from impasto.nets import vgg
from impasto.nets.feature_net import VGG19, FeatureNet
from impasto.optimize import OPTIMIZERS
from impasto.optimize.budget import MIN_STEPS, Budget, Fixed
from impasto.optimize.engine import Engine
from impasto.optimize.optimizer import Optimizer
from impasto.optimize.schedule import Scale, distribute, halved, plan, pyramid
from impasto.options import MAX_SIDE, TILEABLE_STEP, CheckpointOptions, PaintOptions, ReadOptions
from impasto.painter.inputs import Inputs, Start
from impasto.painter.painting import Painting
from impasto.painter.recipe import recorded
from impasto.runtime import checkpoint as checkpoints
from impasto.runtime.device import choose_device, choose_precision
from impasto.runtime.memory import Demand, Layout, lay_out, room

_WAY_OUT = "lower --size, or lower --max-memory for smaller tiles"

_QUICK = 200_000
"""Pixels times steps of a run that is short on any machine, so it needs no estimate of its time."""


_PICTURE = "picture"
"""What a checkpoint has as ``init`` instead of the name of a file or of a style."""


class Companion(Protocol):
    """An object whose state is saved in the checkpoint with that of the painting."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return arrays by name."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore the arrays."""


class Painter:
    """Paints the content of one picture in the style of others; iterate over it for its events.

    ``content`` and ``styles`` are paths, bytes, PIL images or arrays (see `read_picture`). The
    constructor reads the pictures, checks all options and loads the weights; the iteration paints.
    `painting` is available at any time. With ``checkpoint``, the state is saved to a file; with its
    ``resume``, an interrupted run continues from there and ends in the same picture. Set
    ``companion`` before the iteration to save its state as well. ``start`` replaces the file named
    by ``init``. ``net`` replaces VGG-19; it must be on the device of the options and have layers
    with the same names.

    The budget counts from ``began``, in seconds of the ``clock``, or else from now; set the
    ``reserve`` of `budget` to keep time for later work. With ``schedule``, exactly these scales
    and steps are painted, with the ``layouts`` of memory by (width, height). So a rerun repeats the
    decisions that depended on time and memory.

    Raises `OptionsError`, `ImageError`, `WeightsError`, `CheckpointError`, and during the iteration
    `OutputError` and `DivergedError`.
    """

    @in_memory(_WAY_OUT)
    def __init__(
        self,
        content: Source,
        styles: Source | Sequence[Source],
        options: PaintOptions | None = None,
        *,
        read: ReadOptions | None = None,
        checkpoint: CheckpointOptions | None = None,
        schedule: Sequence[Scale] = (),
        layouts: Mapping[tuple[int, int], Layout] | None = None,
        start: Start | None = None,
        net: FeatureNet | None = None,
        began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        began = clock() if began is None else began
        self.options = options or PaintOptions()
        self.companion: Companion | None = None
        self._checkpoint = checkpoint or CheckpointOptions()
        if self._checkpoint.resume and not self._checkpoint.checkpoint:
            raise OptionsError("--resume needs --checkpoint FILE to resume from")
        if self._checkpoint.checkpoint and not self._checkpoint.resume:
            checkpoints.check_free(self._checkpoint.checkpoint, restart=self._checkpoint.restart)
        self._device = choose_device(self.options.device)
        self._precision = choose_precision(self.options.precision, self._device)
        read = read or ReadOptions()
        self._start = start
        self.sources = self._read(content, styles, self.options, read, self._device, start)
        self.width, self.height = self.sources.width, self.sources.height
        self._geometry = net.geometry if net else VGG19
        self._schedule = tuple(schedule)
        self.scales = self._schedule or self._requested_scales()
        self._check_sizes()
        self.budget = self._build_budget(began)
        self._losses: list[Losses] = []
        self._found = None if net else weights.find(self.options.weights)
        self._net = net or self._build_net()
        self._layouts = dict(layouts or {})
        self._room = room(self.options.max_memory, self._device)
        for scale in self.scales:
            self._layout(scale.width, scale.height)
        self._engine = self._build_engine()

    @property
    def _arithmetic(self) -> str:
        """The precision of convolutions, as `PaintOptions` names it."""
        if self.options.precision == "tf32":
            return "tf32"
        return str(self._precision).removeprefix("torch.")

    @property
    def steps(self) -> int:
        """The total number of steps; with a budget, the current plan."""
        return self._engine.steps

    @property
    def files(self) -> list[str]:
        """The names of all pictures that were read."""
        return [picture.name for picture in self.sources.pictures]

    @property
    def recipe(self) -> dict[str, Any]:
        """What `rerun` needs, as plain data: options, hashes of inputs and weights, versions."""
        return {
            "kind": "paint",
            "version": impasto.__version__,
            "options": self.options.to_dict(),
            "content": recorded(self.sources.photo),
            "styles": [recorded(style) for style in self.sources.styles],
            "style_of_painting": self.sources.style_of_painting,
            "files": {name: recorded(file) for name, file in self.sources.named.items()},
            "start": dict(self._start.recipe) if self._start else None,
            "weights": self._origin,
            "ran": {
                "device": self._device.type,
                "precision": self._arithmetic,
                "threads": torch.get_num_threads(),
                "schedule": [scale.to_list() for scale in self._engine.ran],
                "memory": self._plain_layouts(),
            },
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
            },
        }

    @property
    def _origin(self) -> dict[str, str]:
        """The name and hash of the network; a ``net`` argument has no hash."""
        if self._found is None:
            return {"name": self._geometry.network, "sha256": ""}
        return {"name": self._found.origin.name, "sha256": self._found.sha256}

    @property
    @in_memory(_WAY_OUT)
    def painting(self) -> Painting:
        """The current painting, at its final size."""
        rgb = resize(to_array(self._engine.picture), self.width, self.height)
        rgb = self.sources.finished(rgb)
        return Painting(rgb, self.sources.alpha(), tuple(self._losses), self.recipe)

    def __iter__(self) -> Iterator[Event]:
        """Paint. The state is consistent at each event, so leaving the loop loses nothing."""
        with in_memory(_WAY_OUT), checkpoints.locked(self._checkpoint.checkpoint):
            yield from self._paint()

    def _paint(self) -> Iterator[Event]:
        if self._checkpoint.resume:
            assert self._checkpoint.checkpoint is not None  # checked when it was given
            self.resume(self._checkpoint.checkpoint)
        choose_precision(self.options.precision, self._device)  # another painter may have set it
        path, every = self._checkpoint.checkpoint, self._checkpoint.checkpoint_every
        saved = self._clock()
        for event in self._engine.run(str(self._device), self._arithmetic):
            if isinstance(event, Step):
                self._losses.append(Losses.of(event))
                yield replace(event, picture=self._finished_picture(event))
            else:
                yield event
            if path and isinstance(event, Step) and self._clock() - saved >= every:
                self.save_checkpoint(path)
                yield Saved(path, "checkpoint")
                saved = self._clock()

    def _finished_picture(self, event: Step) -> Callable[[], NDArray[np.float32]]:
        """Return a function for the finished picture of a step."""
        return lambda: self.sources.finished(event.picture())

    def save_checkpoint(self, path: Path, *, compact: bool = False) -> None:
        """Write the state to a file. Raises `OutputError`.

        A ``compact`` one has a few percent of the size. Any machine goes on from it, to about the
        same loss but not to the same picture.
        """
        arrays: dict[str, NDArray[Any]] = {}
        numbers: dict[str, Any] = {}
        for name, value in self._engine.state(compact=compact).items():
            if isinstance(value, Tensor):
                arrays[f"engine.{name}"] = value.detach().cpu().numpy()
            else:
                numbers[name] = value
        arrays["random"] = torch.get_rng_state().numpy()
        arrays["losses"] = np.array(self._losses, np.float64).reshape(-1, len(Losses._fields))
        if self.companion:
            arrays |= {f"companion.{k}": v for k, v in self.companion.state().items()}
        data = {"engine": numbers, "run": self._identity(compact=compact), "compact": compact}
        if not compact:
            data["memory"] = self._plain_layouts()
        checkpoints.write(path, arrays, data)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint. Raises `CheckpointError` if it does not fit this run."""
        arrays, data = checkpoints.read(path)
        compact = bool(data.get("compact"))
        checkpoints.check_same_run(path, data.get("run"), self._identity(compact=compact))
        try:
            tensors = {
                name.removeprefix("engine."): torch.from_numpy(array)
                for name, array in arrays.items()
                if name.startswith("engine.")
            }
            self._losses = [Losses.from_numbers(row) for row in arrays["losses"].tolist()]
            torch.set_rng_state(torch.from_numpy(arrays["random"]))
            numbers = dict(data["engine"])
            if not compact:
                self._layouts |= read_layouts(data["memory"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path}: does not fit this run ({error})") from error
        self._engine.restore({**numbers, **tensors})
        if self.companion:
            prefix = "companion."
            self.companion.restore(
                {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            )

    def _identity(self, *, compact: bool) -> dict[str, Any]:
        """What must be the same to resume from a checkpoint: the recipe without file locations.

        For a ``compact`` one, the machine may be another.
        """
        recipe = json.loads(json.dumps(self.recipe))
        for picture in (recipe["content"], *recipe["styles"], *recipe["files"].values()):
            picture.pop("name")
        for option in ("weights", "masks", "guide", "style_guide", "freeze"):
            recipe["options"].pop(option)
        recipe.pop("start")
        recipe["ran"].pop("memory")
        recipe["ran"]["schedule"] = [scale.to_list() for scale in self._schedule]
        if "init" in self.sources.files:
            recipe["options"]["init"] = _PICTURE
        if compact:
            del recipe["ran"], recipe["versions"]
        return dict(recipe)

    def _requested_scales(self) -> tuple[Scale, ...]:
        """Return the scales that the options ask for, with steps unless there is a budget."""
        o = self.options
        if o.budget is not None:
            return self._large_enough(pyramid(self.width, self.height, o.scales, self._step))
        found = plan(self.width, self.height, o.scales, o.total_steps, self._step)
        return distribute(self._large_enough(found), o.total_steps)

    def _large_enough(self, scales: Sequence[Scale]) -> tuple[Scale, ...]:
        """Omit automatic scales that are too small for the network, as of a panorama."""
        if not isinstance(self.options.scales, str):
            return tuple(scales)
        return (*(s for s in scales[:-1] if not self._too_small(s)), scales[-1])

    @property
    def _step(self) -> int:
        """The sides of every scale are multiples of this."""
        return TILEABLE_STEP if self.options.tileable else 1

    def _smaller(self) -> tuple[Scale, ...]:
        """Return the scales below the first that are large enough, coarse to fine."""
        return tuple(s for s in halved(self.scales[0], self._step) if not self._too_small(s))

    def _build_budget(self, began: float) -> Budget | None:
        o = self.options
        if o.budget is None or self._schedule:
            return None
        # Explicit scales are kept as long as they make any progress: the first step evaluates and
        # moves, the second shows the move.
        min_steps = MIN_STEPS if o.scales == "auto" else 2
        return Budget(
            o.budget,
            self.scales,
            # A smaller picture would lose the detail of a start made by a network.
            smaller=() if self._start else self._smaller(),
            min_steps=min_steps,
            began=began,
            clock=self._clock,
        )

    def _check_sizes(self) -> None:
        """Reject a size at which the deepest layer would have no positions left."""
        wrong = self._too_small(self.scales[0])
        if wrong:
            raise OptionsError(wrong)

    def _too_small(self, scale: Scale) -> str:
        """Return what is too small at a scale for the deepest layer, "" for nothing."""
        used = [*dict(self.options.content_layers), *dict(self.options.style_layers)]
        least = self._geometry.smallest_side(used, self.options.padding)
        deepest = self._geometry.deepest(used).name
        sizes = [("the picture", scale.width, scale.height)]
        for number, style in enumerate(self.sources.styles):
            sizes.append((style.name, *self.sources.style_size(number, scale)))
        for what, width, height in sizes:
            if min(width, height) < least:
                o = self.options
                now = "x".join(map(str, o.canvas)) if o.canvas else o.size
                return (
                    f"{what} would be {width}x{height} pixels, too small for {deepest}, which "
                    f"needs {least}: raise --{'canvas' if o.canvas else 'size'} (now {now}) or "
                    "--style-scale, choose larger --scales or shallower layers"
                )
        return ""

    def _read(self, *what: Any) -> Inputs:
        return Inputs(*what)

    def _build_net(self) -> FeatureNet:
        o = self.options
        assert self._found is not None  # only without a ``net`` argument
        net = vgg.build(
            self._found, pooling=o.pooling, rescale=o.rescale_pooling, padding=o.padding
        )
        return net.prepare(self._device, self._precision)

    def _build_engine(self) -> Engine:
        timed = self.budget or sum(s.pixels * s.steps for s in self.scales) > _QUICK
        return Engine(
            self.budget or Fixed(self.scales),
            objective_at=self._objective_at,
            optimizer_at=self._optimizer_at,
            start_at=self.sources.start,
            trials=(*self._smaller(), self.scales[0]) if timed else (),
            clock=self._clock,
        )

    def _objective_at(self, scale: Scale) -> Criterion:
        return build(
            self.options,
            self._net,
            self.sources.photo_at(scale),
            self.sources.styles_at(scale),
            style_of_painting=self.sources.style_of_painting,
            regions=self.sources.regions_at(scale),
            frozen=self.sources.frozen_at(scale),
            tile=self._layout(scale.width, scale.height).tile,
            finer=sum(other.pixels > scale.pixels for other in self.scales),
        )

    def _optimizer_at(self, image: Tensor) -> Optimizer:
        _, _, h, w = image.shape
        layout, spec = self._layout(w, h), OPTIMIZERS[self.options.optimizer]
        return spec.make(image, self.options, layout.history, layout.compact)

    @property
    def in_tiles(self) -> bool:
        """Whether some scale is computed in tiles, because memory is short."""
        return any(layout.tile is not None for layout in self._layouts.values())

    def _layout(self, width: int, height: int) -> Layout:
        """Return the memory layout of a size: as recorded, or as it fits best."""
        if (width, height) not in self._layouts:
            o = self.options
            content = tuple(o.weighted_layers("content"))
            style = tuple(o.weighted_layers("style"))
            demand = Demand(
                geometry=self._geometry,
                width=width,
                height=height,
                layers=(*content, *style),
                content_layers=content,
                bytes_per_value=self._precision.itemsize,
                history=o.history if OPTIMIZERS[o.optimizer].pairs else 0,
                map_layers=map_layers(o),
                wrap=o.tileable,
            )
            self._layouts[width, height] = lay_out(demand, self._room)
        return self._layouts[width, height]

    def _plain_layouts(self) -> list[list[Any]]:
        return [[*size, *astuple(layout)] for size, layout in sorted(self._layouts.items())]


def started_from_picture(path: Path) -> bool:
    """Return whether the painting in a checkpoint started from a picture, of a file or a network.

    False as well if that is not a checkpoint; `Painter.resume` says what is wrong.
    """
    try:
        run: Any = checkpoints.read(path)[1]["run"]
        return bool(run["options"]["init"] == _PICTURE)
    except (CheckpointError, KeyError, TypeError):
        return False


def read_layouts(recorded: Sequence[Sequence[Any]]) -> dict[tuple[int, int], Layout]:
    """Return the memory layouts in a recipe or a checkpoint. Raises `ValueError`."""
    layouts = {}
    for width, height, tile, history, compact in recorded:
        numbers = [width, height, history, *([] if tile is None else [tile])]
        if any(type(n) is not int or not 0 <= n <= MAX_SIDE for n in numbers) or tile == 0:
            raise ValueError("its memory layouts must be whole numbers")
        layouts[width, height] = Layout(tile, history, bool(compact))
    return layouts
