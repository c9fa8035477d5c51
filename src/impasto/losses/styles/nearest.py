"""Each place by the nearest of the painting (NNST).

Kolkin et al. 2022 (arXiv:2203.13215, "Neural Neighbor Style Transfer"): features are replaced by
their nearest neighbours among the painting's, and the picture is to have what they were replaced
by. At coarse scales it is the photo's hypercolumns that are matched, once and for all; at the last
scale the picture's own features, layer by layer, again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from impasto.lazy import Tensor, torch
from impasto.losses import point_sets
from impasto.losses.declaration import StyleLoss
from impasto.losses.styles import gram
from impasto.losses.styles.sliced import Sliced
from impasto.losses.targets import Targets
from impasto.losses.terms import PIXELS, MapLoss, Maps, MapTerm, Refined, Target

_MATCHED = 2**14
"""Vectors of a painting among which the nearest is looked for, at most."""

_COLOURS = 2.0
"""What colours weigh next to nearest neighbours."""

_BLOCK = 2**25
"""Distances are computed so many at a time: 128 MiB of float32."""


@dataclass
class Nearest(MapLoss):
    """Distance of each position's features to the nearest of a painting, kept until refined.

    ``vectors`` takes features (n, c) from the maps of ``layers``; ``targets`` are shares with
    those of paintings (m, c). With the ``photo``'s features at the same places it is these that
    are matched.
    """

    layers: Sequence[str]
    vectors: Callable[[Maps], Tensor]
    targets: Sequence[Target]
    photo: Tensor | None = None
    _matches: list[Tensor] | None = field(default=None, init=False)

    def __call__(self, maps: Maps) -> Tensor:
        """Return the mean of 1 - cos to what was matched."""
        X = self.vectors(maps)
        # A forged checkpoint may hold matches of another number of positions.
        if self._matches is None or any(len(match) != len(X) for match in self._matches):
            matched = X if self.photo is None else self.photo
            self._matches = [nearest(matched, S) for _, S in self.targets]
        pairs = zip(self.targets, self._matches, strict=True)
        return torch.stack([a * cosine_loss(X, S[match]) for (a, S), match in pairs]).sum()

    def refine(self) -> Refined | None:
        """Match anew at the next call."""
        if self.photo is not None:
            return None
        self._matches = None
        return "loss"

    def state(self) -> dict[str, Tensor]:
        """Return the matches."""
        return {str(k): match for k, match in enumerate(self._matches or [])}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back the matches."""
        if not state:
            return
        found = [state[str(k)].to(S.device).long() for k, (_, S) in enumerate(self.targets)]
        for match, (_, S) in zip(found, self.targets, strict=True):
            if match.dim() != 1 or not 0 <= int(match.min()) <= int(match.max()) < len(S):
                raise ValueError("matches beyond the style's vectors")
        self._matches = found


def nearest(X: Tensor, S: Tensor) -> Tensor:
    """Return which row of S is nearest to each of X by the cosine of what differs from the mean.

    Section 3 of the paper: both sets are centred first. (n,) of int64.
    """
    with torch.no_grad():
        own = point_sets.unit(X - X.mean(dim=0))
        theirs = point_sets.unit(S - S.mean(dim=0)).T.contiguous()
        blocks = torch.split(own, max(1, _BLOCK // max(len(S), 1)))
        return torch.cat([(block @ theirs).argmax(dim=1) for block in blocks])


def cosine_loss(X: Tensor, Z: Tensor) -> Tensor:
    """Mean of 1 - cos of rows that belong together: equation 1 of the paper.

    As half the squared distance of unit vectors, so that two rows of zeros are alike.
    """
    return (point_sets.unit(X) - point_sets.unit(Z)).square().sum(dim=1).mean() / 2


def terms(targets: Targets) -> dict[str, MapTerm]:
    """Return a term for hypercolumns at coarse scales, one for each layer at the last.

    Angles say nothing of how strong colours are: those are brought in line besides.
    """
    layers = targets.layers
    names, total = list(layers), sum(layers.values())
    found = {"colours": MapTerm(_COLOURS * total, Sliced.of(targets, PIXELS))}
    if not targets.finer:
        for name, weight in layers.items():
            found[name] = MapTerm(weight, _of_layer(targets, name))
        return found
    columns, points = targets.columns(names), targets.points
    photo = columns(targets.maps(targets.content, names), points)
    wanted = targets.hypercolumns(names)
    loss = Nearest(names, lambda maps: columns(maps, points), wanted, photo)
    found["columns"] = MapTerm(total, loss)
    return found


def _of_layer(targets: Targets, name: str) -> Nearest:
    positions = targets.inside(name)
    return Nearest(
        [name],
        lambda maps: point_sets.rows(maps[name], positions),
        targets.vectors(name, _MATCHED),
    )


LOSS = StyleLoss(
    "nearest",
    "each place to the nearest of the painting: hypercolumns at coarse scales, each layer at the "
    "last (NNST)",
    terms,
    "Kolkin et al. 2022",
    whole_maps=True,
    layers=dict.fromkeys(list(gram.LAYERS)[:4], 0.25),
    weight=1e7,
    defaults={"scales": "deep"},
    suits="large forms of the painting",
)
