"""Exports a pack as an ONNX file, for pictures of any size and any mix of its styles."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import impasto
from impasto.apply.graph import build
from impasto.atomic import atomic_write, check_output
from impasto.errors import MissingExtraError, OptionsError, OutputError, nearest
from impasto.images.picture import Floats, scaled
from impasto.nets import noise
from impasto.nets.geometry import padded
from impasto.options import ApplyOptions
from impasto.samples import photo
from impasto.text import shown
from impasto.zoo.pack import Pack

if TYPE_CHECKING:
    import onnx

EXTENSION = ".onnx"

_CROPS = (("coffee", 203, 149), ("chelsea", 91, 237))
"""The test pictures: photo, height and width; no side is a multiple of 4."""

_USAGE = (
    "image: float32 (n, 3, height, width), RGB from 0 to 1, any size. "
    "mix: float32 (styles,), the share of each style; it adds up to 1. "
    "seed: int64 (1,), optional; another seed gives another painting of the same photo. "
    "stylised: same shape as image. The style 'original' is the photo itself; to exaggerate a "
    "style, give it a share above 1, such as 1.2, and 'original' the rest, -0.2."
)


@dataclass(frozen=True)
class Precision:
    """How far results may differ from PyTorch's, in a range of 1, and how that is measured."""

    tolerance: float
    measure: Callable[[Floats], np.floating[Any]]
    what: str


PRECISIONS: Mapping[str, Precision] = {
    "float32": Precision(1e-3, np.max, "at most"),
    # Exact for a pack that was read from a file, since its weights are float16 already.
    "float16": Precision(1e-2, np.max, "at most"),
    # 8-bit weights and activations: about twice as fast on processors that multiply bytes, at 27
    # to 32 dB from float32.
    "int8": Precision(0.05, np.mean, "on average"),
}
"""The supported precisions of a file."""


@dataclass(frozen=True)
class Exported:
    """The size of a written file in bytes, and how far its results differ from PyTorch's."""

    size: int
    difference: float


def export(
    pack: Pack,
    path: str | os.PathLike[str],
    *,
    precision: str = "float32",
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Exported:
    """Write a pack as an ONNX file, after checking that its results match PyTorch's.

    The metadata of the file explain its inputs and outputs and list its styles and licences; the
    ``mix`` given there is that of ``shares``, or the last style alone. ``seed`` is the default of
    the input ``seed``. Raises `OutputError`, also if the results differ from PyTorch's by more than
    `PRECISIONS` allows, `OptionsError`, and `MissingExtraError`.
    """
    if precision not in PRECISIONS:
        raise OptionsError(
            f"--precision does not know {precision!r}{nearest(precision, PRECISIONS)}"
        )
    ApplyOptions(seed=seed)  # raises an error for an invalid seed
    mix = pack.mix(shares or {pack.styles[-1]: 1.0})
    check_output(path, extensions=(EXTENSION,))
    model = _model(pack, precision, mix, seed)
    model.metadata_props.extend(_metadata(pack, mix))
    data = model.SerializeToString()
    difference = _difference(pack, data, mix, seed, PRECISIONS[precision])
    allowed = PRECISIONS[precision].tolerance
    if not difference <= allowed:
        raise OutputError(
            f"{shown(path)}: not written: the {precision} network differs from PyTorch's by "
            f"{difference:.2g} {PRECISIONS[precision].what}; at most {allowed:g} is allowed"
        )
    with atomic_write(path) as file:
        file.write(data)
    return Exported(len(data), difference)


def _model(pack: Pack, precision: str, mix: Floats, seed: int) -> onnx.ModelProto:
    """Return the checked graph, for pictures of any size."""
    half = precision == "float16"
    model = build(
        pack.architecture, pack.tensors, precision="float16" if half else "float32", seed=seed
    )
    if precision == "int8":
        from impasto.export.quantise import quantised

        model = quantised(model, mix)
    import onnx

    onnx.checker.check_model(model, full_check=True)
    return model


def _metadata(pack: Pack, mix: Floats) -> list[onnx.StringStringEntryProto]:
    """Return the metadata of the file."""
    import onnx

    licences = dict.fromkeys(card.licence for card in pack.card.styles if card.licence)
    about = {
        "impasto": impasto.__version__,
        "architecture": pack.architecture.name,
        "pack": pack.name,
        "pack_sha256": pack.sha256,
        "styles": json.dumps(pack.styles),
        "mix": json.dumps([round(float(share), 6) for share in mix]),
        "cards": json.dumps([card.to_dict() for card in pack.card.styles]),
        "licence": "; ".join(licences),
        "usage": _USAGE,
    }
    return [onnx.StringStringEntryProto(key=key, value=value) for key, value in about.items()]


def _difference(pack: Pack, data: bytes, mix: Floats, seed: int, precision: Precision) -> float:
    """Return the largest difference between the file and PyTorch over the test pictures."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("Checking an ONNX file", "onnx") from error
    import torch

    from impasto.nets import transformer

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    tensors = {name: torch.from_numpy(tensor) for name, tensor in pack.tensors.items()}
    net = transformer.load(pack.architecture, tensors)
    found = []
    for image in (_crop(*which) for which in _CROPS):
        (ours,) = session.run(None, {"image": image, "mix": mix})
        height, width = (padded(side, pack.architecture) for side in image.shape[2:])
        fields = noise.fields(pack.architecture, height, width, seed)
        with torch.inference_mode():
            theirs = net(
                torch.from_numpy(image),
                torch.from_numpy(mix)[None],
                {name: torch.from_numpy(field) for name, field in fields.items()},
            ).clamp(0, 1)
        found.append(float(precision.measure(np.abs(ours - theirs.numpy()))))
    return float(np.max(found))


def _crop(name: str, height: int, width: int) -> NDArray[np.float32]:
    """Return the upper left part of a sample photo as (1, 3, height, width) in [0, 1]."""
    samples = photo(name)[:height, :width]
    return np.ascontiguousarray(scaled(samples, 255).transpose(2, 0, 1)[None])
