"""Chooses the back end that runs a network."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from numpy.typing import NDArray

from impasto.apply.backend import Backend
from impasto.errors import OptionsError, nearest
from impasto.nets.architecture import Architecture
from impasto.options import BACKENDS


def choose(
    architecture: Architecture,
    tensors: Mapping[str, NDArray[Any]],
    *,
    backend: str = "auto",
    device: str = "auto",
    threads: int | None = None,
) -> Backend:
    """Return a back end with these weights; "auto" picks the fastest on this machine.

    That is PyTorch on a CUDA device, else ONNX Runtime, which does not load PyTorch, else PyTorch.
    ``threads`` is the number of CPU threads, None for all. Raises `OptionsError` for a device that
    is not available, and `MissingExtraError`.
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
        raise OptionsError(f"--backend onnx runs on the CPU only; use torch for --device {device}")
    return OnnxBackend(tensors, threads=threads)


def _onnx_is_best(device: str) -> bool:
    if device not in ("auto", "cpu") or not (find_spec("onnx") and find_spec("onnxruntime")):
        return False
    return device == "cpu" or not has_cuda()


def has_cuda() -> bool:
    """Return whether PyTorch can use CUDA; PyTorch is imported only if a driver is installed."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()
