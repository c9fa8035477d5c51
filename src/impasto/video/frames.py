"""What paints a frame: a network, or an optimisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from impasto.apply.frame_moments import FrameMoments
from impasto.apply.masks import Mask, masks_of
from impasto.apply.network import Network
from impasto.apply.passes import LOOK
from impasto.errors import OptionsError
from impasto.images.picture import eight_bits
from impasto.images.read import Source, read_stored
from impasto.options import ApplyOptions, PaintOptions, ReadOptions
from impasto.painter.inputs import pictures_of
from impasto.painter.recipe import recorded
from impasto.runtime.device import choose_device
from impasto.runtime.machine import processors
from impasto.video.steady import moments_share

Arrays = Mapping[str, NDArray[Any]]

_AT_ONCE = 4
"""Frames that a network paints at the same time, at most: each takes memory."""


class FrameStylizer(Protocol):
    """Paints one frame after the other.

    ``piece`` is the number of frames that are saved together. If ``follows``, a frame starts from
    the last result at any stability. ``at_once`` is the number of threads that may paint frames at
    the same time once it is prepared; above 1, a frame does not depend on earlier ones.
    """

    piece: int
    follows: bool
    at_once: int

    def prepare(self, width: int, height: int, stability: float) -> None:
        """Prepare for frames of a size. Raises the errors that would occur in every frame."""

    def begin_shot(self) -> None:
        """Forget the earlier frames: the next one follows a cut."""

    def stylize(
        self, rgb: NDArray[np.uint8], start: NDArray[np.float32] | None
    ) -> NDArray[np.uint8]:
        """Paint a frame (h, w, 3). ``start`` is the last result, moved to this frame, or None."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state that the next frames depend on."""

    def restore(self, state: Arrays) -> None:
        """Restore a state."""

    def recipe(self) -> dict[str, Any]:
        """Return the settings and the inputs as plain data."""


class NetworkStylizer:
    """Paints frames by a network, in one pass each."""

    piece = 96
    follows = False
    at_once = 1

    def __init__(
        self,
        network: Network,
        options: ApplyOptions | None = None,
        read: ReadOptions | None = None,
    ) -> None:
        self._network = network
        self._options = options or ApplyOptions()
        self._read = read or ReadOptions()
        self._masks: list[Mask] = []
        self._moments: FrameMoments | None = None

    def prepare(self, width: int, height: int, stability: float) -> None:
        """As `FrameStylizer.prepare`."""
        self._network.check(self._options)
        if self._options.mask is not None:
            shares = self._network.shares
            self._masks = masks_of(self._options.mask, shares, width, height, self._read)
        share = moments_share(stability)
        self._moments = FrameMoments(share) if share < 1 else None
        # Large frames are painted in several passes, each of which keeps all threads busy.
        independent = share == 1 and max(width, height) <= LOOK
        most = min(processors(), _AT_ONCE) if independent else 1
        # With flow, decoder and encoder, too.
        self.at_once = self._network.backend.share_processor(most)

    def begin_shot(self) -> None:
        """As `FrameStylizer.begin_shot`."""
        if self._moments:
            self._moments.reset()

    def stylize(
        self, rgb: NDArray[np.uint8], start: NDArray[np.float32] | None
    ) -> NDArray[np.uint8]:
        """As `FrameStylizer.stylize`; a network does not use ``start``."""
        del start
        made = self._network.stylise(
            rgb,
            replace(self._options, size=None, mask=None),
            mask=[mask.white for mask in self._masks] or None,
            read=self._read,
            bits=8,
            moments=self._moments,
        )
        return eight_bits(made.samples)

    def state(self) -> dict[str, NDArray[Any]]:
        """As `FrameStylizer.state`."""
        return dict(self._moments.state()) if self._moments else {}

    def restore(self, state: Arrays) -> None:
        """As `FrameStylizer.restore`."""
        if self._moments:
            self._moments.restore(state)

    def recipe(self) -> dict[str, Any]:
        """As `FrameStylizer.recipe`."""
        pack, options = self._network.pack, self._options
        return {
            "model": {
                "name": pack.name,
                "architecture": pack.architecture.name,
                "body": pack.body,
                "rows": {name: pack.row(name).sha256 for name in self._network.shares},
            },
            "shares": self._network.shares,
            **{
                name: getattr(options, name)
                for name in ("strength", "color", "style_scale", "seed", "size", "tile")
            },
            "mask": [{"name": mask.name, "sha256": mask.sha256} for mask in self._masks],
            "ran": {"backend": self._network.backend.name, "device": self._network.backend.device},
        }


class PaintingStylizer:
    """Paints frames by optimising each, starting from the last result if there is one.

    ``steps`` is the number per frame. The first frame of a shot gets three times as many, because
    it starts from the photo and goes through several scales. Reads the paintings, and raises
    `ImageError` and `OptionsError`.
    """

    piece = 8
    follows = True
    at_once = 1

    def __init__(
        self,
        paintings: Source | Sequence[Source],
        steps: int,
        options: ApplyOptions | None = None,
        read: ReadOptions | None = None,
    ) -> None:
        chosen = options or ApplyOptions()
        if chosen.mask is not None:
            raise OptionsError("--mask cannot be used with --paint")
        self._read = read or ReadOptions()
        self._paintings: list[Any] = [
            [read_stored(painting, self._read) for painting in style]
            for style in pictures_of(paintings)
        ]
        self._steps = steps
        self._options = chosen
        self._paint = PaintOptions()

    def prepare(self, width: int, height: int, stability: float) -> None:
        """As `FrameStylizer.prepare`."""
        del stability
        names = ("strength", "color", "style_scale", "seed", "device")
        said = {name: getattr(self._options, name) for name in names}
        self._paint = PaintOptions(size=max(width, height), steps=3 * self._steps, **said)

    def begin_shot(self) -> None:
        """As `FrameStylizer.begin_shot`."""

    def stylize(
        self, rgb: NDArray[np.uint8], start: NDArray[np.float32] | None
    ) -> NDArray[np.uint8]:
        """As `FrameStylizer.stylize`."""
        from impasto.painter import Painter, Start

        options, begun = self._paint, None
        if start is not None:
            options = replace(options, steps=self._steps, scales="single", init="carried")
            begun = Start(start, {})
        painter = Painter(rgb, self._paintings, options, read=self._read, start=begun)
        for _ in painter:
            pass
        return eight_bits(painter.painting.rgb)

    def state(self) -> dict[str, NDArray[Any]]:
        """As `FrameStylizer.state`."""
        return {}

    def restore(self, state: Arrays) -> None:
        """As `FrameStylizer.restore`."""

    def recipe(self) -> dict[str, Any]:
        """As `FrameStylizer.recipe`."""
        return {
            "paint": self._paint.to_dict(),
            "styles": [list(map(recorded, style)) for style in self._paintings],
            "ran": {"device": str(choose_device(self._paint.device))},
        }
