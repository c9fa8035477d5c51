"""The explainer: a photo, a painting and options in, events and an explanation out."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from impasto import weights
from impasto.errors import OptionsError
from impasto.events import Step
from impasto.explain.explanation import (
    Explanation,
    Floats,
    LayerView,
    PerPicture,
    Reconstruction,
    Run,
    Snapshot,
    StepLosses,
)
from impasto.explain.layer_views import (
    VGGFeatures,
    content_distances,
    equal_weights,
    style_distances,
    view,
)
from impasto.explain.plan import (
    CONTENT_LAYERS,
    STARTUP_COST,
    ReconstructionTask,
    look_cost,
    reconstruction_tasks,
    small_side,
    snapshots,
    step_cost,
)
from impasto.explain.progress import Progressed, ProgressMeter
from impasto.images import fit, resize, with_pixel_count
from impasto.images.picture import Stored
from impasto.images.read import Source, read_stored
from impasto.images.tensors import to_array
from impasto.nets import vgg
from impasto.nets.feature_net import VGG19
from impasto.optimize.schedule import Scale
from impasto.options import ReadOptions
from impasto.options.explain import ExplainOptions
from impasto.painter import Painter
from impasto.runtime.device import choose_device
from impasto.text import shown

MAX_SNAPSHOTS = 26
"""The most pictures of the run that are shown."""

SNAPSHOT_SIDE = 512
"""Maximum long side of these pictures in pixels."""

_PAINTING, _LOOKING = "the painting", "what each layer sees"

Progress = Iterator[Progressed]


class Explainer:
    """Paints a photo and collects what explains the result; iterate it for its events.

    ``photo`` and ``painting`` are as `Painter` takes them. The constructor reads and checks
    everything; the iteration does the work, and then `explanation` is available. Leaving the loop
    early leaves nothing behind. Raises the errors of `Painter`.
    """

    def __init__(
        self,
        photo: Source,
        painting: Source,
        options: ExplainOptions | None = None,
        *,
        read: ReadOptions | None = None,
    ) -> None:
        self.options = options or ExplainOptions()
        self._painting = self.options.painting
        _check_sides([photo, painting], self.options.size, self._deepest, read or ReadOptions())
        self._painter = Painter(photo, painting, self._painting, read=read)
        self._explanation: Explanation | None = None
        self._tasks = reconstruction_tasks(self._style_layers)
        self._seconds: dict[str, float] = {}

    @property
    def explanation(self) -> Explanation:
        """The result of the iteration. Raises `RuntimeError` before it has ended."""
        if self._explanation is None:
            raise RuntimeError("iterate the explainer to the end first")
        return self._explanation

    def __iter__(self) -> Progress:
        """Do the work. Raises `OutputError` and `DivergedError` as `Painter` does."""
        began = datetime.now(UTC)
        meter = ProgressMeter(self._costs())
        extract = self._extractor()
        made = []
        for task in self._tasks:
            made.append((yield from self._reconstruct(task, extract, meter)))
        start = self._painter.painting.rgb
        run = yield from self._run(meter)
        pictures = self._pictures(start)
        layers = yield from self._look(extract, pictures, meter)
        self._explanation = Explanation(
            pictures=pictures,
            names=(self._painter.files[0], self._painter.files[1]),
            layers=layers,
            contents=tuple(r for r in made if r.kind == "content"),
            styles=tuple(r for r in made if r.kind == "style"),
            run=run,
            began=began,
            seconds=self._seconds,
        )
        yield meter.end()

    @property
    def _style_layers(self) -> list[str]:
        return [name for name, _ in self._painting.style_layers]

    @property
    def _all_layers(self) -> list[str]:
        """The layers of the painting, shallow to deep."""
        used = {*dict(self._painting.content_layers), *self._style_layers}
        return [name for name in VGG19.names if name in used]

    @property
    def _deepest(self) -> list[str]:
        return [*self._all_layers, *CONTENT_LAYERS]

    def _scale(self, side: int) -> Scale:
        """Return the scale with this long side."""
        return Scale(*fit(self._painter.width, self._painter.height, side), 0)

    @cached_property
    def _small(self) -> Scale:
        """The scale of the reconstructions."""
        photo, painting = (rgb.shape[1::-1] for rgb in self._at(self._scale(self.options.size)))
        return self._scale(small_side(photo, painting, self.options.size, self._deepest))

    def _at(self, scale: Scale) -> tuple[Floats, Floats]:
        """Return photo and painting at a scale, as the painter uses them."""
        sources = self._painter.sources
        return to_array(sources.photo_at(scale)), to_array(sources.styles_at(scale)[0])

    def _costs(self) -> dict[str, float]:
        """Return the cost of each part, by name and in order."""
        small, steps = self._small, self.options.reconstruction_steps
        costs = {
            a.title: STARTUP_COST + steps * step_cost(a.layers, small.pixels) for a in self._tasks
        }
        scales = self._painter.scales
        costs[_PAINTING] = sum(s.steps * step_cost(self._all_layers, s.pixels) for s in scales)
        pixels = self._painter.width * self._painter.height
        costs[_LOOKING] = sum(4 * look_cost([name], pixels) for name in self._all_layers)
        return costs

    def _extractor(self) -> VGGFeatures:
        o = self._painting
        net = vgg.build(weights.find(o.weights), pooling=o.pooling, padding=o.padding)
        device = choose_device(o.device)
        return VGGFeatures(net.to(device), device)

    def _reconstruct(
        self, task: ReconstructionTask, extract: VGGFeatures, meter: ProgressMeter
    ) -> Generator[Progressed, None, Reconstruction]:
        """Make a picture from noise with some layers only."""
        yield meter.begin(task.title)
        began = time.monotonic()
        small = self._small
        photo, painting = self._at(small)
        side = max(small.width, small.height)
        if task.kind == "content":
            options = self.options.content_reconstruction(task.layers[0], side)
        else:
            weighing = equal_weights(extract, painting, list(task.layers))
            options = self.options.style_reconstruction(weighing, side)
        painter = Painter(photo, painting, options)
        yield meter.advance(STARTUP_COST)
        cost = step_cost(task.layers, small.pixels)
        for event in painter:
            if isinstance(event, Step):
                yield meter.advance(cost)
        rgb = painter.painting.rgb
        if task.kind == "content":
            distances = content_distances(extract, rgb, photo, list(CONTENT_LAYERS))
        else:
            distances = style_distances(extract, rgb, painting, self._style_layers)
        self._seconds[task.title] = time.monotonic() - began
        return Reconstruction(
            kind=task.kind,
            layers=task.layers,
            picture=rgb,
            losses=tuple(row.loss for row in painter.painting.losses),
            distances=distances,
            levels=255 * float(np.sqrt(np.mean((rgb - photo) ** 2, dtype=np.float64))),
            seconds=self._seconds[task.title],
        )

    def _run(self, meter: ProgressMeter) -> Generator[Progressed, None, Run]:
        """Paint, and collect the losses of all steps and the pictures of some."""
        yield meter.begin(_PAINTING)
        began, painter = time.monotonic(), self._painter
        wanted = set(snapshots(painter.steps, MAX_SNAPSHOTS))
        rows: list[StepLosses] = []
        shown_at: list[Snapshot] = []
        for event in painter:
            if not isinstance(event, Step):
                continue
            rows.append(_row(event))
            if event.step in wanted:
                shown_at.append(Snapshot(rows[-1], self._shown(event.picture())))
            yield meter.advance(step_cost(self._all_layers, event.width * event.height))
        self._seconds[_PAINTING] = time.monotonic() - began
        best = min((r for r in rows if r.scale == rows[-1].scale), key=lambda row: row.loss)
        before = [m for m in shown_at if m.row.step < best.step]
        o = self._painting
        weighing = {f"content {name}": w for name, w in o.content_layers}
        weighing |= {f"style {name}": w for name, w in o.style_layers}
        return Run(
            rows=tuple(rows),
            snapshots=(*before, Snapshot(best, self._shown(painter.painting.rgb))),
            best=best,
            content_weight=o.content_weight,
            style_weight=o.style_weight,
            layer_weights=weighing,
            recipe=painter.recipe,
        )

    def _shown(self, rgb: Floats) -> Floats:
        """Resize a picture to the size at which it is shown."""
        width, height = self._painter.width, self._painter.height
        if max(width, height) > SNAPSHOT_SIDE:
            width, height = fit(width, height, SNAPSHOT_SIDE)
        return resize(rgb, width, height)

    def _pictures(self, start: Floats) -> PerPicture[Floats]:
        photo, painting = self._at(self._scale(self.options.size))
        return PerPicture(photo, start, self._painter.painting.rgb, painting)

    def _look(
        self, extract: VGGFeatures, pictures: PerPicture[Floats], meter: ProgressMeter
    ) -> Generator[Progressed, None, tuple[LayerView, ...]]:
        """View all pictures through every layer, one layer at a time to save memory."""
        yield meter.begin(_LOOKING)
        began = time.monotonic()
        pixels = self._painter.width * self._painter.height
        content, style = dict(self._painting.content_layers), dict(self._painting.style_layers)
        views = []
        for name in self._all_layers:
            for term, weighing in (("content", content), ("style", style)):
                if name in weighing:
                    views.append(view(extract, pictures, term, name, weighing[name]))
            yield meter.advance(4 * look_cost([name], pixels))
        self._seconds[_LOOKING] = time.monotonic() - began
        return tuple(views)


def _row(event: Step) -> StepLosses:
    return StepLosses(
        event.step,
        event.scale,
        event.width,
        event.height,
        event.loss,
        event.content,
        event.style,
        dict(event.terms),
        event.seconds,
    )


def _check_sides(sources: list[Source], size: int, layers: list[str], read: ReadOptions) -> None:
    """Raise `OptionsError` for a picture too narrow for the deepest layer."""
    photo, painting = (read_stored(source, read) for source in sources)
    width, height = fit(*_size(photo), size)
    least, deepest = VGG19.smallest_side(layers), VGG19.deepest(layers).name
    narrow = with_pixel_count(*_size(painting), width * height)
    for picture, (w, h) in ((photo, (width, height)), (painting, narrow)):
        if min(w, h) < least:
            raise OptionsError(
                f"{shown(picture.name)} would be {w}x{h} pixels, too small for {deepest}, which "
                f"needs {least}: raise --size (now {size}) or choose a less narrow picture"
            )


def _size(picture: Stored) -> tuple[int, int]:
    height, width, _ = picture.rgb.shape
    return width, height
