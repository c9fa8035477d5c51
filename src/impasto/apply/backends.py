"""What computes a network: one interface, and the choice of who stands behind it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from impasto.apply.parts import Part
from impasto.errors import OptionsError, nearest
from impasto.images.picture import Floats
from impasto.nets.architecture import Architecture
from impasto.options import BACKENDS


class Moments(NamedTuple):
    """Mean and (biased) variance over positions, (channels,) each."""

    mean: Floats
    variance: Floats


Fields = Mapping[str, Floats]
"""Tensors (1, channels, height, width) by name, float32."""


class Backend(Protocol):
    """A network with its weights, on a device."""

    @property
    def name(self) -> str:
        """What it is called in options."""

    @property
    def device(self) -> str:
        """What it computes on: ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""

    def run(
        self,
        part: Part,
        given: Fields,
        mix: Floats,
        noise: Fields,
        moments: Mapping[str, Moments] | None = None,
    ) -> dict[str, Floats]:
        """Compute a part of the network: what it gives, from what it takes.

        The photo, RGB in [0, 1], is padded already (see `nets.geometry`). ``mix`` (styles,) says
        how much of each style; ``noise`` has the field of each place where noise is added. Where
        ``moments`` are given, they are what the normalisations of those names divide out, instead
        of the mean and variance of what they are given.
        """


def choose(
    architecture: Architecture,
    tensors: Mapping[str, NDArray[Any]],
    *,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> Backend:
    """Return a back end with these weights; "auto" is what is quickest here.

    That is PyTorch on a CUDA device, else ONNX Runtime, which needs no PyTorch in memory, else
    PyTorch. ``threads`` is how many of the CPU's to use, None for all. Raises `OptionsError` for a
    device that is not there, and `MissingExtraError`.
    """
    if backend not in BACKENDS:
        raise OptionsError(f"--backend does not know {backend!r}{nearest(backend, BACKENDS)}")
    if backend == "auto":
        backend = "onnx" if _onnx_is_best(device) else "torch"
    if backend == "torch":
        from impasto.apply.torch_backend import TorchBackend

        return TorchBackend(architecture, tensors, device=device, threads=threads)
    from impasto.apply.onnx_backend import OnnxBackend

    if device not in ("auto", "cpu"):
        raise OptionsError(f"--backend onnx computes on the CPU; use torch for --device {device}")
    return OnnxBackend(tensors, threads=threads)


def _onnx_is_best(device: str) -> bool:
    if device not in ("auto", "cpu") or not (find_spec("onnx") and find_spec("onnxruntime")):
        return False
    return device == "cpu" or not has_cuda()


def has_cuda() -> bool:
    """Return whether PyTorch can compute on CUDA; PyTorch is imported only where a driver is."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
