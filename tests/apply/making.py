"""Networks and photos for the tests, with random weights for everything that training changes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from impasto.nets import transformer
from impasto.nets.architecture import ORIGINAL, architecture
from impasto.nets.geometry import reflected
from impasto.nets.noise import fields
from impasto.zoo.cards import PackCard, StyleCard
from impasto.zoo.pack import Pack

STYLES = (ORIGINAL, "wave", "starry")
MIX = np.array((0.2, 0.5, 0.3), np.float32)


def tensors(name, styles=3, seed=0):
    """Random tensors of an architecture, under which its results fill the range of a picture."""
    return {key: value.copy() for key, value in _drawn(name, styles, seed).items()}


@lru_cache(maxsize=16)
def _drawn(name, styles, seed):
    random, found = np.random.default_rng(seed), {}
    shape = architecture(name)
    for tensor, size in shape.shapes(styles).items():
        spread = np.sqrt(2 / np.prod(size[1:])) if tensor.endswith("_weight") else 0.2
        mean = 1.0 if tensor.endswith("_scale") else 0.0
        found[tensor] = random.normal(mean, spread, size)
        if tensor.endswith("_noise"):  # so much that another field is another picture
            found[tensor] *= 2
    last = shape.convolutions[-1].name
    found[f"{last}_weight"] *= 0.3 * shape.range
    found["photo_shift" if shape.photo else f"{last}_bias"] += 0.5 * shape.range
    if shape.photo:
        found["photo_scale"] -= 0.7
    return {key: value.astype(np.float32) for key, value in found.items()}


def pack(name="turbo", seed=0):
    """A pack of three styles; of the house's own sizes the first is the photo itself."""
    found = tensors(name, seed=seed)
    names = STYLES
    if architecture(name).photo:
        for tensor, value in found.items():
            if tensor.endswith(("_scale", "_shift")):
                value[0] = 0
        found["photo_scale"][0] = 1
    else:
        names = ("mosaic", "wave", "starry")
    cards = tuple(StyleCard(name=style, licence="CC0") for style in names)
    return Pack(PackCard(architecture=name, styles=cards), found, name, "0" * 64)


def photo(height=45, width=61, seed=0, kind=np.float32):
    """A photo (height, width, 3) of random waves, float32 or uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    angles = random.uniform(-0.5, 0.5, (2, 3))
    waves = np.sin(y[:, :, None] * angles[0] + x[:, :, None] * angles[1])
    rgb = np.clip(0.5 + 0.35 * waves + 0.1 * random.standard_normal((height, width, 3)), 0, 1)
    return np.rint(255 * rgb).astype(np.uint8) if kind == np.uint8 else rgb.astype(np.float32)


def noise(architecture, height, width, seed=0):
    """The noise of a padded picture of a size."""
    return fields(architecture, height, width, seed)


def by_torch(net, image, mix=MIX, seed=0):
    """What PyTorch makes of (n, 3, h, w) by its own padding, with the noise of a seed."""
    height, width = (len(reflected(side, net.architecture)) for side in image.shape[2:])
    z = fields(net.architecture, height, width, seed)
    with torch.inference_mode():
        y = net(
            torch.from_numpy(image),
            torch.from_numpy(np.asarray(mix, np.float32))[None],
            {name: torch.from_numpy(field) for name, field in z.items()},
        )
    return y.clamp(0, 1).numpy()


def network(name, tensors):
    """A network in PyTorch of tensors in NumPy."""
    held = {key: torch.from_numpy(value) for key, value in tensors.items()}
    return transformer.load(architecture(name), held)


def planes(rgb):
    """(height, width, 3) as (1, 3, height, width)."""
    return np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])
