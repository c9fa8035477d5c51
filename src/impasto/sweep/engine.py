"""Painting the cells of a grid one after another, with shared pictures and network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto import weights
from impasto.errors import CheckpointError, ImpastoError, OutputError
from impasto.events import Step
from impasto.images.alpha import seen_channels
from impasto.images.picture import Stored, floats
from impasto.losses.blend import blend_shares
from impasto.metrics.evaluator import Evaluator, network
from impasto.nets.feature_net import FeatureNet
from impasto.options import CheckpointOptions, PaintOptions, ReadOptions
from impasto.options.measure import LARGEST_MEASURED
from impasto.painter import Inputs, Painter
from impasto.runtime.device import choose_device, choose_precision
from impasto.sweep.cell_cache import CellCache, Result, cell_key
from impasto.sweep.grid import Cell, Grid


@dataclass(frozen=True)
class CellStep:
    """One step of a cell is done; ``share`` is the finished part of the cell, from 0 to 1."""

    cell: Cell
    share: float


@dataclass(frozen=True)
class CellDone:
    """A cell is finished; ``cached`` if an earlier run painted it."""

    cell: Cell
    result: Result
    cached: bool


@dataclass(frozen=True)
class CellFailed:
    """A cell could not be painted."""

    cell: Cell
    reason: str


SweepEvent = CellStep | CellDone | CellFailed


class Sweep:
    """Paints the cells of a grid; iterate it for its events.

    ``content`` is a file; ``styles`` are files, or folders that each form one style. ``folder``
    holds the finished cells and the state of the current one. A sweep that was stopped continues
    from it: finished cells come first and take no time. Leaving the loop between two events loses
    nothing if `save_unfinished` is called. `results` maps cell names to finished cells. A cell that
    cannot be painted is reported and skipped; if no cell can be painted, the first error is raised.

    Raises `OptionsError`, `ImageError`, `WeightsError`, and `OutputError` during iteration.
    """

    def __init__(
        self,
        content: Path,
        styles: Sequence[Path],
        grid: Grid,
        *,
        folder: Path,
        read: ReadOptions | None = None,
    ) -> None:
        self.grid = grid
        self.results: dict[str, Result] = {}
        self._read = read or ReadOptions()
        self._files = content, list(styles)
        first = grid.cells[0].options
        self._device = choose_device(first.device)
        # Reads and checks every picture before anything is painted.
        sources = Inputs(content, self._files[1], first, self._read, self._device)
        self.photo, self.paintings, self.style_of_painting = (
            sources.photo,
            sources.styles,
            sources.style_of_painting,
        )
        for cell in grid.cells:
            blend_shares(cell.options.blend, len(styles))
        self._cache = CellCache(folder)
        self._cache.check()
        self._nets = SharedNets()
        self._weights: dict[str, str] = {}  # hashes by name
        self._evaluator: Evaluator | None = None
        self._current: tuple[str, Painter] | None = None
        self._keys = {cell.name: self._key(cell) for cell in grid.cells}
        for cell in grid.cells:
            found = self._cache.find(self._keys[cell.name])
            if found:
                self.results[cell.name] = found

    @property
    def pictures(self) -> list[Stored]:
        """The photo, then the paintings."""
        return [self.photo, *self.paintings]

    @property
    def left(self) -> list[Cell]:
        """The unfinished cells."""
        return [cell for cell in self.grid.cells if cell.name not in self.results]

    def file(self, cell: Cell) -> Path:
        """Return the path of a finished cell's picture."""
        return self._cache.picture(self._keys[cell.name])

    def __iter__(self) -> Iterator[SweepEvent]:
        """Paint the unfinished cells."""
        for cell in self.grid.cells:
            if cell.name in self.results:
                yield CellDone(cell, self.results[cell.name], cached=True)
        failed: list[ImpastoError] = []
        for cell in self.left:
            try:
                yield from self._paint(cell)
            except OutputError:
                raise
            except ImpastoError as error:
                failed.append(error)
                yield CellFailed(cell, " ".join(str(error).split()))
        if failed and not self.results:
            raise failed[0]

    def save_unfinished(self) -> None:
        """Save the state of the current cell, if there is one. Raises `OutputError`."""
        if self._current:
            key, painter = self._current
            painter.save_checkpoint(self._cache.state(key))

    def _paint(self, cell: Cell) -> Iterator[SweepEvent]:
        key = self._keys[cell.name]
        try:
            yield from self._follow(cell, self._painter(cell, key))
        except CheckpointError:  # damaged, or from another PyTorch: start the cell over
            self._cache.state(key).unlink()
            yield from self._follow(cell, self._painter(cell, key))

    def _follow(self, cell: Cell, painter: Painter) -> Iterator[SweepEvent]:
        key = self._keys[cell.name]
        for event in painter:
            if isinstance(event, Step):
                self._current = key, painter
                yield CellStep(cell, event.step / event.steps)
        painting = painter.painting
        result = Result.of(painting, self._built_evaluator()(painting.rgb, self._shares(cell)))
        self._current = None
        self._cache.save(key, painting, result)
        self.results[cell.name] = result
        yield CellDone(cell, result, cached=False)

    def _painter(self, cell: Cell, key: str) -> Painter:
        state = self._cache.state(key)
        checkpoint = CheckpointOptions(checkpoint=state, resume=state.is_file())
        content, styles = self._files
        return SharingPainter(
            self._nets, content, styles, cell.options, read=self._read, checkpoint=checkpoint
        )

    def _built_evaluator(self) -> Evaluator:
        """Return the evaluator, built when the first cell is finished."""
        if self._evaluator is None:
            options = self.grid.cells[0].options
            net = network(weights.find(options.weights), self._device)
            choose_precision("float32", self._device)
            self._evaluator = Evaluator(
                net,
                floats(self.photo.rgb),
                [seen_channels(painting) for painting in self.paintings],
                size=min(options.size, LARGEST_MEASURED),
            )
        return self._evaluator

    def _key(self, cell: Cell) -> str:
        choice = cell.options.weights
        if choice not in self._weights:
            self._weights[choice] = weights.find(choice).sha256
        return cell_key(cell.options, self._weights[choice], self.pictures, self.style_of_painting)

    def _shares(self, cell: Cell) -> list[float]:
        """Return each painting's share in a cell; paintings of one style have equal shares."""
        shares = blend_shares(cell.options.blend, len(self._files[1]))
        styles = self.style_of_painting
        return [shares[style] / styles.count(style) for style in styles]


class SharedNets:
    """The network of the last cell, reused if the next cell needs the same."""

    def __init__(self) -> None:
        self._made: tuple[tuple[object, ...], FeatureNet] | None = None

    def get(self, painter: SharingPainter) -> FeatureNet:
        """Return the network that a painter needs."""
        o: PaintOptions = painter.options
        needs = (o.weights, o.pooling, o.rescale_pooling, o.padding, o.device, o.precision)
        if self._made is None or self._made[0] != needs:
            self._made = None  # freed first, so that there are never two
            self._made = needs, painter.build_own_net()
        return self._made[1]


class SharingPainter(Painter):
    """A painter that reuses the network of the painter before it."""

    def __init__(self, nets: SharedNets, *what: object, **options: object) -> None:
        self._nets = nets
        super().__init__(*what, **options)  # type: ignore[arg-type]

    def build_own_net(self) -> FeatureNet:
        """Build a new network."""
        return super()._build_net()

    def _build_net(self) -> FeatureNet:
        return self._nets.get(self)
