"""Optical flow: where each pixel of a frame was in the frame before.

The method of Lucas and Kanade 1981, dense and from coarse to fine, iterated as in Le Besnerais and
Champagnat 2005: each step solves for the flow itself, not for its correction, which would diverge.
Gradients are computed once, in the frame that is matched. As in DIS (Kroeger et al. 2016), the mean
of each window is subtracted, so the light may change.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_SIDE = 256
"""The long side in pixels at which flow is computed. Flow is smoother than the picture."""

_COARSEST = 10
"""The minimum short side of the coarsest level, in pixels."""

_RADIUS = 4
"""The pixels of a window on each side of its centre."""

_STEPS = 2
"""Steps at each level."""

_DAMPING = 3e-5
"""Added to the squared gradients of values in [0, 1], so flat windows do not move."""

_FARTHEST = 1.0
"""The largest motion of a step, in pixels."""

_REACHES = (8, 3)
"""Distances in pixels from which a pixel may take a better flow."""

_CLEARLY, _GRAIN = 1.1, 0.5
"""A flow is clearly better if the first times its mean squared error, plus the second times the
median error, is below the error of the present flow. So grain does not decide."""


def small(rgb: Tensor) -> Tensor:
    """Return the luma (1, 1, h, w) of (1, 3, H, W) at the size at which flow is computed."""
    weights = rgb.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    luma = (rgb * weights).sum(1, keepdim=True)
    height, width = luma.shape[2:]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return luma
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    return F.interpolate(luma, size=size, mode="bilinear", antialias=True)


def between(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Return flow (1, 2, h, w) from a luma (1, 1, h, w) to another, and the flow back.

    What ``one`` shows at (x, y) is in ``other`` at (x, y) + ``flow[0, :, y, x]``, in pixels to the
    right and down. The flow back only serves as a check, and is computed at half the size.
    """
    here, there = _pyramid(torch.cat((one, other))), _pyramid(torch.cat((other, one)))
    finest = min(1, len(here) - 1)
    flow = here[-1].new_zeros((2, 2, *here[-1].shape[2:]))
    for template, image in zip(reversed(here[finest:]), reversed(there[finest:]), strict=True):
        flow = _refined(template, image, resized(flow, *template.shape[2:]))
    back = _propagated(there[finest][:1], here[finest][:1], flow[1:])
    flow = flow[:1]
    if finest:
        flow = _refined(one, other, resized(flow, *one.shape[2:]))
    return _propagated(one, other, flow), resized(back, *one.shape[2:])


def resized(flow: Tensor, height: int, width: int) -> Tensor:
    """Return flow (n, 2, h, w) resized to another size, in pixels of that size."""
    h, w = flow.shape[2:]
    if (h, w) == (height, width):
        return flow
    scale = flow.new_tensor([width / w, height / h])[:, None, None]
    return F.interpolate(flow, size=[height, width], mode="bilinear") * scale


def warped(image: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """Return (n, c, h, w), sampled where the flow (n, 2, h, w) points; edge pixels are repeated."""
    height, width = image.shape[2:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device) + flow[:, 0]
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None] + flow[:, 1]
    grid = torch.stack((x * (2 / width) + (1 / width - 1), y * (2 / height) + (1 / height - 1)), -1)
    return F.grid_sample(image, grid, mode=mode, padding_mode="border", align_corners=False)


def _pyramid(luma: Tensor) -> list[Tensor]:
    """Return (n, 1, h, w) at full size, half, quarter, ..."""
    found = [luma]
    while min(found[-1].shape[2:]) >= 2 * _COARSEST:
        found.append(F.avg_pool2d(found[-1], 2))
    return found


def _refined(template: Tensor, image: Tensor, flow: Tensor) -> Tensor:
    """Move a flow from the template to the image towards where windows match best."""
    gx, gy = _gradients(template)
    mean_x, mean_y, xx, yy, xy = _windowed(torch.cat((gx, gy, gx * gx, gy * gy, gx * gy), 1)).chunk(
        5, 1
    )
    xx, yy, xy = xx - mean_x**2 + _DAMPING, yy - mean_y**2 + _DAMPING, xy - mean_x * mean_y
    inverse = 1 / (xx * yy - xy * xy)
    for _ in range(_STEPS):
        x, y = flow.chunk(2, 1)
        left = template - warped(image, flow) + gx * x + gy * y
        mean, bx, by, near_x, near_y = _windowed(
            torch.cat((left, gx * left, gy * left, flow), 1)
        ).chunk(5, 1)
        bx = bx - mean_x * mean + _DAMPING * near_x
        by = by - mean_y * mean + _DAMPING * near_y
        found = torch.cat((yy * bx - xy * by, xx * by - xy * bx), 1) * inverse
        flow = flow + (found - flow).clamp(-_FARTHEST, _FARTHEST)
    return _median(flow)


def _propagated(template: Tensor, image: Tensor, flow: Tensor) -> Tensor:
    """Replace the flow of a pixel by that of a place nearby, if that matches clearly better.

    A window at the edge of something that moves contains two motions; this sharpens the edge. The
    idea is from PatchMatch (Barnes et al. 2009).
    """
    height, width = flow.shape[2:]
    cost = _mismatch(template, image, flow)
    least = _GRAIN * cost.median()
    for reach in _REACHES:
        around = F.pad(flow, (reach, reach, reach, reach), mode="replicate")
        for down, right in ((0, reach), (0, -reach), (reach, 0), (-reach, 0)):
            y, x = reach + down, reach + right
            near = around[:, :, y : y + height, x : x + width]
            its_cost = _mismatch(template, image, near)
            better = its_cost * _CLEARLY + least < cost
            flow, cost = torch.where(better, near, flow), torch.where(better, its_cost, cost)
    return _median(flow)


def _mismatch(template: Tensor, image: Tensor, flow: Tensor) -> Tensor:
    """Return the mean squared error of a flow around each pixel."""
    apart = (template - warped(image, flow)).square()
    return F.avg_pool2d(apart, 3, 1, 1, count_include_pad=False)


def _gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    around = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return (
        (around[:, :, 1:-1, 2:] - around[:, :, 1:-1, :-2]) / 2,
        (around[:, :, 2:, 1:-1] - around[:, :, :-2, 1:-1]) / 2,
    )


def _windowed(x: Tensor) -> Tensor:
    """Average (n, c, h, w) over the part of a window around each pixel that is in the picture."""
    height, width = x.shape[2:]
    r, side = _RADIUS, 2 * _RADIUS + 1
    x = F.pad(x, (r + 1, r, r + 1, r)).cumsum(2)
    x = (x[:, :, side:] - x[:, :, :-side]).cumsum(3)
    return (x[..., side:] - x[..., :-side]) / (_inside(height, x)[:, None] * _inside(width, x))


def _inside(length: int, like: Tensor) -> Tensor:
    """Return the number of positions of each window that are inside, along an axis."""
    place = torch.arange(length, dtype=like.dtype, device=like.device)
    return place.clamp(max=_RADIUS) + place.flip(0).clamp(max=_RADIUS) + 1


def _median(flow: Tensor) -> Tensor:
    """Return the median of each pixel and its four neighbours, which removes outliers."""
    around = F.pad(flow, (1, 1, 1, 1), mode="replicate")
    up, down = around[:, :, :-2, 1:-1], around[:, :, 2:, 1:-1]
    left, right = around[:, :, 1:-1, :-2], around[:, :, 1:-1, 2:]
    low = torch.maximum(torch.minimum(up, down), torch.minimum(left, right))
    high = torch.minimum(torch.maximum(up, down), torch.maximum(left, right))
    low, high = torch.minimum(low, high), torch.maximum(low, high)
    return torch.maximum(low, torch.minimum(high, flow))
