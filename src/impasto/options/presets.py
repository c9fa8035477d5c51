"""Presets: values for the fields of `PaintOptions` that are None until a preset fills them."""

from __future__ import annotations

from typing import Any

from impasto.losses.styles import gram

# LeonGatys/PytorchNeuralStyleTransfer, the authors' own code.
_GATYS: dict[str, Any] = {
    "content_layers": (("relu4_2", 1.0),),
    "style_layers": tuple(gram.LAYERS.items()),
    "style_loss": gram.LOSS.name,
    "content_loss": "mean",
    "content_weight": 1.0,
    "style_weight": 1.0,
    "laplacian_weight": 0.0,
    "tv_weight": 0.0,
    "pooling": "max",
    "rescale_pooling": False,
    "padding": "zeros",
    # The content in the style's colours. Only the start differs from the authors' code.
    "init": "matched",
    "scales": "single",
}

PRESETS: dict[str, dict[str, Any]] = {
    "gatys": _GATYS,
    # Gatys, Ecker, Bethge 2015 (arXiv:1508.06576), equations 1 to 7. Its style term
    # 1/(4 N² M²) Σ (G - A)² is a quarter of the mean squared difference of G / M; each of the
    # five layers has weight 1/5. Only in this preset, the content term is a sum over positions.
    "paper": {
        "content_layers": (("conv4_2", 1.0),),
        "style_layers": tuple((name, 0.25 / 5) for name in gram.LAYERS),
        "style_loss": gram.LOSS.name,
        "content_loss": "half-sum",
        "content_weight": 1.0,
        "style_weight": 1e5,
        "laplacian_weight": 0.0,
        "tv_weight": 0.0,
        "pooling": "average",
        "rescale_pooling": False,
        "padding": "zeros",
        "init": "noise",
        "scales": "single",
    },
    # Coarse to fine gives larger, more coherent strokes; replicated borders avoid a frame.
    "default": {**_GATYS, "padding": "replicate", "scales": "auto"},
    # Gatys, Ecker, Bethge 2015 (arXiv:1505.07376): a texture is defined by its Gram matrices.
    # Coarse to fine, for structures larger than the receptive field of the deepest layer.
    "texture": {
        **_GATYS,
        "content_weight": 0.0,
        "padding": "replicate",
        "init": "noise",
        "scales": "deep",
    },
    # Mahendran and Vedaldi 2015 (arXiv:1412.0035): the information of a layer about the photo.
    "invert": {
        **_GATYS,
        "style_weight": 0.0,
        "tv_weight": 1.0,
        "padding": "replicate",
        "init": "noise",
    },
}
"""The values of each preset."""
