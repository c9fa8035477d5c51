"""Preview sheets of a network in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call

from impasto.images import fit, read_picture, resize
from impasto.images.contact_sheet import contact_sheet, sheet_width
from impasto.images.read import MEMORY, Source
from impasto.images.tensors import to_array, to_tensor
from impasto.nets.transformer import TransferNet, white_noise
from impasto.options import ReadOptions

_PHOTOS, _SIZE, _TILE = 3, 384, 320


@torch.no_grad()
def sheet(
    net: TransferNet,
    parameters: Mapping[str, Tensor],
    styles: Mapping[str, int],
    photos: Sequence[Source],
    read: ReadOptions,
) -> NDArray[np.uint8]:
    """Return a contact sheet, RGB (H, W, 3): a row for each of a few photos, with every style.

    ``parameters`` replace those of the network; ``styles`` maps names to rows of its style tensors.
    The noise is always the same, so that sheets can be compared.
    """
    tiles = []
    rows = torch.eye(net.styles, device=next(iter(parameters.values())).device)
    for source in _spread(photos, _PHOTOS):
        photo = read_picture(source, read)
        rgb = resize(photo.rgb, *fit(photo.width, photo.height, _SIZE))
        tiles.append(("photo" if photo.name == MEMORY else Path(photo.name).stem, rgb))
        image = to_tensor(rgb, rows.device)
        drawn = white_noise(
            net.architecture, 1, *rgb.shape[:2], generator=torch.Generator().manual_seed(0)
        )
        noise = {name: field.to(rows.device) for name, field in drawn.items()}
        for name, row in styles.items():
            made = functional_call(net, dict(parameters), (image, rows[row : row + 1], noise))
            tiles.append((name, to_array(made)))
    columns = 1 + len(styles)
    return contact_sheet(tiles, columns, sheet_width(columns, _TILE))


def _spread(photos: Sequence[Source], count: int) -> list[Source]:
    """Return ``count`` evenly spaced photos."""
    return [photos[i * len(photos) // count] for i in range(min(count, len(photos)))]
