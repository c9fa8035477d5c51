"""The distance of each point's features to their nearest neighbour in the painting (NNST).

Kolkin et al. 2022 (arXiv:2203.13215, "Neural Neighbor Style Transfer"): features are replaced by
their nearest neighbours in the painting, which become the target. At coarse scales, the photo's
hypercolumns are matched once; at the last scale, the picture's own features are matched layer by
layer, again at each refinement.
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

_MAX_CANDIDATES = 2**14
"""The most vectors of a painting to search for the nearest neighbour."""

_COLOURS = 2.0
"""The weight of colours relative to nearest neighbours."""

_BLOCK = 2**25
"""The number of distances computed at a time: 128 MiB of float32."""


@dataclass
class Nearest(MapLoss):
    """The distance of features to their nearest neighbours, which are fixed until refined.

    ``vectors`` extracts features (n, c) from the maps of ``layers``; ``targets`` are shares with
    features of paintings (m, c). If ``photo`` is given, the photo's features at the same points are
    matched instead of the picture's.
    """

    layers: Sequence[str]
    vectors: Callable[[Maps], Tensor]
    targets: Sequence[Target]
    photo: Tensor | None = None
    _matches: list[Tensor] | None = field(default=None, init=False)

    def __call__(self, maps: Maps) -> Tensor:
        """Return the mean of 1 - cos to the matched features."""
        X = self.vectors(maps)
        # A forged checkpoint may contain matches for another number of positions.
        if self._matches is None or any(len(match) != len(X) for match in self._matches):
            matched = X if self.photo is None else self.photo
            self._matches = [nearest(matched, S) for _, S in self.targets]
        pairs = zip(self.targets, self._matches, strict=True)
        return torch.stack([a * cosine_loss(X, S[match]) for (a, S), match in pairs]).sum()

    def refine(self) -> Refined | None:
        """Match again at the next call."""
        if self.photo is not None:
            return None
        self._matches = None
        return "loss"

    def state(self) -> dict[str, Tensor]:
        """Return the matches."""
        return {str(k): match for k, match in enumerate(self._matches or [])}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the matches."""
        if not state:
            return
        found = [state[str(k)].to(S.device).long() for k, (_, S) in enumerate(self.targets)]
        for match, (_, S) in zip(found, self.targets, strict=True):
            if match.dim() != 1 or not 0 <= int(match.min()) <= int(match.max()) < len(S):
                raise ValueError("matches out of range")
        self._matches = found


def nearest(X: Tensor, S: Tensor) -> Tensor:
    """Return the number of the nearest row of S for each row of X, (n,) int64.

    Section 3 of the paper: by cosine distance, after subtracting the mean of each set.
    """
    with torch.no_grad():
        own = point_sets.unit(X - X.mean(dim=0))
        theirs = point_sets.unit(S - S.mean(dim=0)).T.contiguous()
        blocks = torch.split(own, max(1, _BLOCK // max(len(S), 1)))
        return torch.cat([(block @ theirs).argmax(dim=1) for block in blocks])


def cosine_loss(X: Tensor, Z: Tensor) -> Tensor:
    """Mean of 1 - cos of corresponding rows: equation 1 of the paper.

    As half the squared distance of unit vectors, so that two rows of zeros have distance 0.
    """
    return (point_sets.unit(X) - point_sets.unit(Z)).square().sum(dim=1).mean() / 2


def terms(targets: Targets) -> dict[str, MapTerm]:
    """Return a term for hypercolumns at coarse scales, or one for each layer at the last.

    A term for colours is added, because angles do not capture the strength of colours.
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
        targets.vectors(name, _MAX_CANDIDATES),
    )


LOSS = StyleLoss(
    "nearest",
    "nearest neighbours in the painting: of hypercolumns at coarse scales, of each layer at the "
    "last (NNST)",
    terms,
    "Kolkin et al. 2022",
    whole_maps=True,
    layers=dict.fromkeys(list(gram.LAYERS)[:4], 0.25),
    weight=1e7,
    defaults={"scales": "deep"},
    suits="large shapes of the painting",
)
