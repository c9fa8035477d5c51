"""VGG-19 with a quarter of its channels, for tests of what is around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from impasto import weights
from impasto.nets import vgg
from impasto.nets.feature_net import vgg_geometry

THIN = vgg_geometry("VGG-19, thin", (2, 2, 4, 4, 4), (16, 32, 64, 128, 128))


def sliced(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the first filters of each layer of the original, and of each the first channels."""
    found, channels = {}, 3
    for spec in THIN.layers:
        if spec.kind == "conv":
            weight, bias = (parameters[f"{spec.name}.{of}"] for of in ("weight", "bias"))
            found[f"{spec.name}.weight"] = weight[: spec.channels, :channels].contiguous()
            found[f"{spec.name}.bias"] = bias[: spec.channels].contiguous()
            channels = spec.channels
    return found


def build(found: weights.Found, **options: Any) -> vgg.VGG:
    """As `impasto.nets.vgg.build`."""
    origin = found.origin
    scales = {"mean": origin.mean, "scale": origin.scale, "bgr": origin.bgr}
    return vgg.VGG(sliced(weights.load(found)), geometry=THIN, **scales, **options).eval()
