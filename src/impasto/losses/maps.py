"""Terms that look at whole maps of features: what is not a function of a sum over positions.

In tiles the maps are put together from the tiles' own parts, and each tile gets its part of the
gradient with respect to them. So these are exact in tiles, too, but keep the maps of their layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.losses import samples
from impasto.nets import vgg

PIXELS = "pixels"
"""The name of the map that is the picture itself."""

Maps = Mapping[str, Tensor]
"""Features (1, c, h, w) by layer, `PIXELS` among them where asked for."""

_MOST = 2**16
"""Positions of a map that are looked at; of more, so many are drawn."""

_DIRECTIONS = 64
"""Directions of a draw."""

_POINTS = 2048
"""Points of a draw for distances of all pairs."""


class Distance(Protocol):
    """A function of maps that autograd can go back through."""

    @property
    def layers(self) -> Sequence[str]:
        """The maps that it looks at."""

    def __call__(self, maps: Maps) -> Tensor:
        """Return the distance, a scalar."""

    def renew(self) -> bool:
        """Draw or match anew at the next call; tell whether there is anything of the kind."""

    def state(self) -> dict[str, Tensor]:
        """Return what `restore` takes back."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back a state."""


@dataclass(frozen=True)
class MapTerm:
    """A weighted distance of maps."""

    weight: float
    distance: Distance

    @property
    def layers(self) -> Sequence[str]:
        """The maps that it looks at."""
        return self.distance.layers

    def finish(self, maps: Maps) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted loss and its gradient with respect to each map."""
        with torch.enable_grad():
            leaves = {name: maps[name].detach().requires_grad_() for name in self.layers}
            loss = self.weight * self.distance(leaves)
            slopes = torch.autograd.grad(loss, list(leaves.values()))
        return loss.detach(), dict(zip(leaves, slopes, strict=True))


@dataclass
class Drawn:
    """What draws at random: the same draw until it is renewed, the same after a restart."""

    seed: int
    draws: int = field(default=0, init=False)

    def random(self) -> torch.Generator:
        """Return the generator of the present draw."""
        return torch.Generator().manual_seed((self.seed + self.draws * 1_000_003) % 2**63)

    def renew(self) -> bool:
        """Draw anew at the next call."""
        self.draws += 1
        return True

    def state(self) -> dict[str, Tensor]:
        """Return the number of the draw."""
        return {"draws": torch.tensor(self.draws)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back the number of the draw."""
        self.draws = int(state["draws"])


@dataclass
class Sliced(Drawn):
    """Sliced Wasserstein distance of a layer's features, as a part of the styles' mean square.

    ``targets`` are shares with the features of styles (m, c); ``where`` (n,) the positions that
    count, None for all. Along the ``axes`` it is the histogram loss.
    """

    layer: str
    targets: Sequence[tuple[float, Tensor]]
    where: Tensor | None = None
    axes: bool = False
    _drawn: tuple[int, Tensor | None, list[Tensor]] | None = field(default=None, init=False)

    @property
    def layers(self) -> Sequence[str]:
        """The layer."""
        return [self.layer]

    def __call__(self, maps: Maps) -> Tensor:
        """Return the distance."""
        along, ordered = self._styles()
        X = rows(maps[self.layer], _some(self.where, maps[self.layer], self.random()))
        losses = [
            share * samples.sliced(X, one, along) / S.square().mean().clamp_min(1e-12)
            for (share, S), one in zip(self.targets, ordered, strict=True)
        ]
        return torch.stack(losses).sum()

    @torch.no_grad()
    def _styles(self) -> tuple[Tensor | None, list[Tensor]]:
        """Return the directions and the sorted projections of each style on them."""
        if self._drawn is None or self._drawn[0] != self.draws:
            first = self.targets[0][1]
            along = None
            if not self.axes:
                along = samples.directions(_DIRECTIONS, first.shape[1], self.random()).to(first)
            ordered = [samples.sorted_along(S, along) for _, S in self.targets]
            self._drawn = self.draws, along, ordered
        return self._drawn[1:]


@dataclass
class Nearest:
    """Distance of each position's features to the nearest of a style, held until renewed.

    Features are those of ``layers`` side by side, at ``points`` (n, 2) in pixels; with one layer
    and no points, at the positions ``where`` of it (None for all). ``targets`` are shares with
    vectors of styles (m, Σ c). With the ``photo``'s features at the same places it is these that
    are matched, once and for all, and the picture is to have what they are nearest to.
    """

    layers: Sequence[str]
    targets: Sequence[tuple[float, Tensor]]
    points: Tensor | None = None
    where: Tensor | None = None
    photo: Tensor | None = None
    _matches: list[Tensor] | None = field(default=None, init=False)

    def __call__(self, maps: Maps) -> Tensor:
        """Return the mean of 1 - cos to what was matched."""
        if self.points is None:
            X = rows(maps[self.layers[0]], self.where)
        else:
            X = samples.columns(with_strides(maps, self.layers), self.points)
        # A forged checkpoint may hold matches of another number of positions.
        if self._matches is None or any(len(match) != len(X) for match in self._matches):
            matched = X if self.photo is None else self.photo
            self._matches = [samples.nearest(matched, S) for _, S in self.targets]
        pairs = zip(self.targets, self._matches, strict=True)
        return torch.stack([a * samples.cosine_loss(X, S[match]) for (a, S), match in pairs]).sum()

    def renew(self) -> bool:
        """Match anew at the next call."""
        if self.photo is not None:
            return False
        self._matches = None
        return True

    def state(self) -> dict[str, Tensor]:
        """Return the matches."""
        return {str(k): match for k, match in enumerate(self._matches or [])}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back the matches. Raises `KeyError` or `ValueError` when they do not fit."""
        if not state:
            return
        found = [state[str(k)].to(S.device).long() for k, (_, S) in enumerate(self.targets)]
        for match, (_, S) in zip(found, self.targets, strict=True):
            if match.dim() != 1 or not 0 <= int(match.min()) <= int(match.max()) < len(S):
                raise ValueError("matches beyond the style's vectors")
        self._matches = found


@dataclass
class Optimal(Drawn):
    """The style loss of Kolkin et al. 2019, section 2.3: ℓ_r + ℓ_m + ℓ_p / α.

    Relaxed earth mover's distance and moments of hypercolumns, these as parts of the features'
    root mean square, and the distance of colours. ``targets`` are shares with hypercolumns of
    styles (m, Σ c), the first three of them the colours; ``points`` (n, 2) are where features may
    be sampled, in pixels; ``palette`` is 1 / α.
    """

    layers: Sequence[str]
    targets: Sequence[tuple[float, Tensor]]
    points: Tensor
    palette: float

    def __call__(self, maps: Maps) -> Tensor:
        """Return the distance at the points of the present draw."""
        random = self.random()
        points = drawn(self.points, _POINTS, random)
        X = samples.columns(with_strides(maps, self.layers), points)
        losses = []
        for share, S in self.targets:
            some = drawn(S, _POINTS, random)
            size = some.square().mean().sqrt().clamp_min(1e-12)
            loss = samples.relaxed_emd(samples.cosine_distances(X, some))
            loss = loss + samples.moment_distance(X / size, some / size)
            colours = torch.cdist(X[:, :3] @ _YUV.to(X), some[:, :3] @ _YUV.to(X))
            losses.append(share * (loss + self.palette * samples.relaxed_emd(colours)))
        return torch.stack(losses).sum()


@dataclass
class SelfSimilarity(Drawn):
    """The content loss of Kolkin et al. 2019, section 2.4, on hypercolumns of ``layers``.

    ``maps`` are the content's; ``points`` (n, 2) are where features may be sampled, in pixels.
    """

    layers: Sequence[str]
    maps: Maps
    points: Tensor

    def __call__(self, maps: Maps) -> Tensor:
        """Return the distance at the points of the present draw."""
        points = drawn(self.points, _POINTS // 2, self.random())
        X = samples.columns(with_strides(maps, self.layers), points)
        with torch.no_grad():
            P = samples.columns(with_strides(self.maps, self.layers), points)
        return samples.self_similarity(X, P)


@dataclass
class Laplacian:
    """Mean squared difference of the Laplacians of the picture and of the content, in levels.

    Li et al. 2017 (arXiv:1707.01253, "Laplacian-Steered Neural Style Transfer"), equation 3, as a
    mean: both are first averaged over ``pools`` × ``pools`` pixels, for every number given.
    """

    content: Tensor
    pools: Sequence[int] = (4, 16)

    @property
    def layers(self) -> Sequence[str]:
        """The picture itself."""
        return [PIXELS]

    def __call__(self, maps: Maps) -> Tensor:
        """Return the sum over the pools."""
        difference = 255 * (maps[PIXELS] - self.content)  # the Laplacian is linear
        side = min(difference.shape[2:])
        fitting = [pool for pool in self.pools if side >= 3 * pool] or [1]
        losses = [laplacian(F.avg_pool2d(difference, pool)).square().mean() for pool in fitting]
        return torch.stack(losses).sum()

    def renew(self) -> bool:
        """Nothing is drawn."""
        return False

    def state(self) -> dict[str, Tensor]:
        """Nothing is kept."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Nothing is taken back."""


_YUV = torch.tensor([[0.299, -0.147, 0.615], [0.587, -0.289, -0.515], [0.114, 0.436, -0.100]])
"""RGB rows to YUV columns: decorrelated, as the palette's distances want it."""


def laplacian(x: Tensor) -> Tensor:
    """Return the five-point Laplacian of (n, c, h, w) at its inner positions, (n, c, h-2, w-2)."""
    middle = x[..., 1:-1, 1:-1]
    around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    return around - 4 * middle


def rows(features: Tensor, where: Tensor | None = None) -> Tensor:
    """Return features (1, c, h, w) as (n, c) float32: of all positions, or those numbered."""
    found = features.permute(0, 2, 3, 1).flatten(0, 2)
    return (found if where is None else found[where]).float()


def drawn(vectors: Tensor, most: int, random: torch.Generator) -> Tensor:
    """Return at most so many of the rows of (n, c), drawn without replacement."""
    if len(vectors) <= most:
        return vectors
    chosen = torch.randperm(len(vectors), generator=random)[:most]
    return vectors[chosen.to(vectors.device)]


def stride_of(layer: str) -> int:
    """Return how many pixels a position of a map is from the next."""
    return 1 if layer == PIXELS else vgg.layer(layer).stride


def with_strides(maps: Maps, names: Sequence[str]) -> dict[str, tuple[Tensor, int]]:
    """Return the maps named with their strides, in the order of the names."""
    return {name: (maps[name], stride_of(name)) for name in names}


def lattice(height: int, width: int, step: int) -> Tensor:
    """Return the middles of a picture's parts of ``step`` × ``step`` pixels, (n, 2) as x and y."""
    y = (torch.arange(max(1, height // step)) + 0.5) * step
    x = (torch.arange(max(1, width // step)) + 0.5) * step
    return torch.cartesian_prod(y, x).flip(1)


def _some(where: Tensor | None, features: Tensor, random: torch.Generator) -> Tensor | None:
    """Return the numbers of at most `_MOST` positions, of those that count."""
    count = features.shape[2] * features.shape[3] if where is None else len(where)
    if count <= _MOST:
        return where
    chosen = torch.randint(count, (_MOST,), generator=random).to(features.device)
    return chosen if where is None else where[chosen]
