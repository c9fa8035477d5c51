"""The layers of VGG-19, each with a hand-written gradient.

Features are (1, c, h, w), preferably in channels_last memory. A gradient function takes the
gradient with respect to its layer's output and returns that with respect to its input; names ending
in an underscore work in place. The gradients are written by hand because the gradient of a picture
needs none of the tensors that autograd keeps for the weights, and accumulating in place avoids
copies.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_MODES = {"zeros": "constant", "replicate": "replicate", "reflect": "reflect"}

_PAD_BACKWARD = {
    "replicate": torch.ops.aten.replication_pad2d_backward,
    "reflect": torch.ops.aten.reflection_pad2d_backward,
}


def backward_weight(weight: Tensor) -> Tensor:
    """Return the weight (in, out, 3, 3) of the convolution that computes the gradient."""
    flipped = weight.flip(2, 3).transpose(0, 1)
    return flipped.contiguous(memory_format=torch.channels_last)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, padding: str) -> Tensor:
    """Convolve with a 3×3 ``weight`` (out, in, 3, 3), keeping height and width.

    On the CPU, padding other than zeros is corrected along the border afterwards, which avoids
    copying the whole tensor. On a GPU a copy is faster than a dozen small kernels.
    """
    mode = _MODES[padding]
    if padding != "zeros" and _copies(x):
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), weight, bias)
    y = F.conv2d(x, weight, bias, padding=1)
    if padding == "zeros":
        return y
    top = F.pad(x[:, :, :2], (1, 1, 1, 0), mode=mode)[:, :, :1]
    bottom = F.pad(x[:, :, -2:], (1, 1, 0, 1), mode=mode)[:, :, -1:]
    left = F.pad(x[..., :2], (1, 0, 0, 0), mode=mode)[..., :1]
    right = F.pad(x[..., -2:], (0, 1, 0, 0), mode=mode)[..., -1:]
    y[:, :, :1] += F.conv2d(top, weight[:, :, :1])
    y[:, :, -1:] += F.conv2d(bottom, weight[:, :, 2:])
    y[..., :1] += F.conv2d(left, weight[..., :1], padding=(1, 0))
    y[..., -1:] += F.conv2d(right, weight[..., 2:], padding=(1, 0))
    return y


def convolve_backward(g: Tensor, weight: Tensor, padding: str) -> Tensor:
    """Gradient of `convolve`; ``weight`` is the result of `backward_weight`."""
    if padding != "zeros" and _copies(g):
        whole = F.conv2d(g, weight, padding=2)
        inside = whole[:, :, 1:-1, 1:-1]  # only its shape is used
        gx: Tensor = _PAD_BACKWARD[padding](whole, inside, [1, 1, 1, 1])
        return gx
    gx = F.conv2d(g, weight, padding=1)
    if padding == "zeros":
        return gx
    # The row or column that the padding repeats: the border itself, or the one next to it.
    near, far = (0, -1) if padding == "replicate" else (1, -2)
    top = F.conv2d(g[:, :, :1], weight[:, :, 2:], padding=(0, 2))
    bottom = F.conv2d(g[:, :, -1:], weight[:, :, :1], padding=(0, 2))
    for row, ring in ((near, top), (far, bottom)):
        gx[:, :, row] += ring[:, :, 0, 1:-1]
        gx[:, :, row, near] += ring[:, :, 0, 0]
        gx[:, :, row, far] += ring[:, :, 0, -1]
    gx[..., near] += F.conv2d(g[..., :1], weight[..., 2:], padding=(1, 0))[..., 0]
    gx[..., far] += F.conv2d(g[..., -1:], weight[..., :1], padding=(1, 0))[..., 0]
    return gx


def _copies(x: Tensor) -> bool:
    """Return whether copying to pad is faster on this device."""
    return x.is_cuda


def relu_backward_(g: Tensor, y: Tensor) -> Tensor:
    """Gradient of ReLU, whose output was ``y``, in place of ``g``."""
    torch.ops.aten.threshold_backward.grad_input(g, y, 0, grad_input=g)
    return g


def pool(x: Tensor, pooling: str, factor: float) -> Tensor:
    """Pool 2×2 windows by their maximum, average or L2 norm, times ``factor``."""
    if pooling == "max":
        return F.max_pool2d(x, 2)
    if pooling == "average":
        return F.avg_pool2d(x, 2) * factor if factor != 1 else F.avg_pool2d(x, 2)
    # The smallest normal number keeps the gradient of the root finite if all four values are 0.
    tiny = torch.finfo(x.dtype).tiny
    return (F.avg_pool2d(x * x, 2) * 4 + tiny).sqrt() * factor


def pool_backward(g: Tensor, x: Tensor, pooling: str, factor: float) -> Tensor:
    """Gradient of `pool`, whose input was ``x``. Pooling again is cheaper than storing indices."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        (gx,) = torch.autograd.grad(pool(x, pooling, factor), x, g)
    return gx
