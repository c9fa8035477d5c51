"""A look at a network in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from impasto.images import fit, read_picture, resize
from impasto.images.sheet import contact_sheet, sheet_width
from impasto.images.tensors import to_array, to_tensor
from impasto.nets.transformer import TransferNet
from impasto.options import ReadOptions

_PHOTOS, _SIZE, _TILE = 3, 384, 320


@torch.no_grad()
def sheet(
    net: TransferNet,
    parameters: Mapping[str, Tensor],
    styles: Mapping[str, int],
    photos: Sequence[Path],
    read: ReadOptions,
) -> NDArray[np.uint8]:
    """Return a contact sheet, RGB (H, W, 3): a few photos, a row each, then in every style.

    ``parameters`` take the place of the network's; ``styles`` are names and rows of its tables.
    """
    tiles = []
    rows = torch.eye(net.styles, device=next(iter(parameters.values())).device)
    for path in _spread(photos, _PHOTOS):
        photo = read_picture(path, read)
        rgb = resize(photo.rgb, *fit(photo.width, photo.height, _SIZE))
        tiles.append((path.stem, rgb))
        for name, row in styles.items():
            image = to_tensor(rgb, rows.device)
            made = functional_call(net, dict(parameters), (image, rows[row : row + 1]))
            tiles.append((name, to_array(made)))
    columns = 1 + len(styles)
    return contact_sheet(tiles, columns, sheet_width(columns, _TILE))


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """Return some of many, far from each other."""
    return [paths[i * len(paths) // count] for i in range(min(count, len(paths)))]
